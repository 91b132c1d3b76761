use sandgate::*;
use std::time::Instant;
fn faults() -> i64 { let s = std::fs::read_to_string("/proc/self/stat").unwrap(); s.rsplit(')').next().unwrap().split_whitespace().nth(7).unwrap().parse().unwrap() }
fn main() {
    let ex = tokio::runtime::Runtime::new().unwrap();
    let sandbox = ex.block_on(Sandbox::builder().build()).unwrap();
    let none = Context::alone(Limits { workspace: Files::None, ..Limits::default() });
    let scratch = Context::default();
    let cases: Vec<(&str, &Context, &str)> = vec![
        ("none", &none, "print(1+1)"),
        ("scratch", &scratch, "print(1+1)"),
        ("none+gc", &none, "import gc\ngc.collect()\nprint(1+1)"),
        ("none+gcimport", &none, "import gc\nprint(1+1)"),
        ("none+gc0", &none, "import gc\ngc.collect(0)\nprint(1+1)"),
        ("none+__del__", &none, "class A:\n    def __del__(self): pass\nprint(1+1)"),
        ("scratch+open", &scratch, "open('x','w').write('a')\nprint(1+1)"),
        ("none+chdir", &none, "import os,sys,tempfile\ntry: os.chdir('/work')\nexcept OSError: pass\nprint(1+1)"),
        ("none+sys", &none, "import os,sys,tempfile\nsys.path=['/work']\ntempfile.tempdir='/work'\nprint(1+1)"),
    ];
    let mut t = vec![vec![]; cases.len()];
    let mut f = vec![0; cases.len()];
    for _ in 0..400 {
        for (i, (_, c, s)) in cases.iter().enumerate() {
            let f0 = faults();
            let a = Instant::now();
            ex.block_on(sandbox.run(Script::new(*s), c)).unwrap();
            t[i].push(a.elapsed().as_nanos());
            f[i] = faults() - f0;
        }
    }
    for (i, (n, _, _)) in cases.iter().enumerate() { t[i].sort(); println!("{n:15} {:>7} us  {} faults", t[i][200] / 1000, f[i]); }
}
