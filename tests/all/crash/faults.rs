//! A disk that is full, or fails, or may not be written to: no change is made of which there is no line, and afterwards the journal is
//! what it was.

use super::shop::{Shop, Step};
use crate::support::{finished, witness::Witness};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    process::Command,
};

const SCRIPT: &str = "from services import shop
shop.item_list(tag='TAG')
for item in 'abc':
    try:
        shop.item_add(tag='TAG', item=item)
    except Exception as error:
        print(error)
";

fn is_made_once(shop: &Shop) {
    let mut made = shop.made_shown();
    let number = made.len();
    made.sort();
    made.dedup();
    assert_eq!(made.len(), number, "{made:?}");
}

#[test]
fn jrn_04_a_disk_that_fails_at_any_transaction_costs_changes_and_never_their_lines() {
    let witness = Witness::open();
    let mut refused = 0;
    for act in ["fail", "full"] {
        for time in 1..=8 {
            let shop = Shop::open(&witness, SCRIPT);
            let told = format!("committing@{time}={act}");
            let finished = shop.perform(Step::Run, Some(&told));
            let made = shop.made_shown();
            let lines = finished.stdout.lines().count();
            // Whatever was not made the script was told of.
            assert_eq!(
                (made.len() + lines, finished.code),
                (3, Some(0)),
                "{told}: {finished:#?}"
            );
            refused += lines;
            shop.is_sound();
            shop.go_on();
            shop.is_sound();
            // What was refused and is in no line is made when a person goes on with it, and nothing a second time.
            is_made_once(&shop);
        }
    }
    assert!(refused > 10, "{refused}");
}

#[test]
fn jrn_01_a_disk_that_takes_lines_and_no_anchor_leaves_a_whole_journal() {
    let shop = Shop::open(&Witness::open(), SCRIPT);
    let finished = shop.perform(Step::Run, Some("committed@1=full"));
    assert_eq!(
        (finished.code, shop.made().len()),
        (Some(0), 3),
        "{finished:#?}"
    );
    shop.is_sound();
    // It is one whose end is known from then on.
    shop.perform(Step::Run, None);
    shop.is_sound();
    let database = rusqlite::Connection::open(shop.at("state/journal/journal.db")).unwrap();
    let cut = "DELETE FROM entries WHERE seq > 3";
    assert!(database.execute(cut, []).unwrap() > 0);
    let problems = shop.journal().verify().unwrap().problems;
    assert!(
        problems[0]
            .to_string()
            .starts_with("the journal ends at line 3, and line "),
        "{problems:?}"
    );
}

/// Runs a command through another.
fn through(other: &[&str], command: &Command) -> (i32, String, String) {
    let mut through = Command::new(other[0]);
    through
        .args(&other[1..])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs((command.get_envs()).filter_map(|(name, value)| Some((name, value?))));
    finished(through.output().unwrap())
}

/// The shell says how large a file may be, in blocks of 512 bytes, and that nobody dies of it.
#[test]
fn jrn_04_a_full_disk_costs_changes_and_never_their_lines() {
    let witness = Witness::open();
    let mut numbers = Vec::new();
    for blocks in [0, 16, 64, 80, 96, 112, 128, 144, 160, 176, 192, 256, 512] {
        let shop = Shop::open(&witness, SCRIPT);
        let run = shop.step(Step::Run);
        let mut shell = Command::new("/bin/sh");
        shell
            .args([
                "-c",
                &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""),
            ])
            .arg(run.get_program())
            .args(run.get_args())
            .env_clear()
            .envs(
                run.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        let (code, stdout, stderr) = finished(shell.output().unwrap());
        let made = shop.made_shown();
        assert!(
            made.len() + stdout.lines().count() <= 3,
            "{blocks} {code} {stdout} {stderr}"
        );
        shop.is_sound();
        shop.go_on();
        shop.is_sound();
        is_made_once(&shop);
        numbers.push(made.len());
    }
    assert_eq!((numbers[0], numbers.last()), (0, Some(&3)), "{numbers:?}");
}

#[test]
fn jrn_04_a_journal_that_may_not_be_written_to_costs_changes_and_is_as_it_was() {
    let shop = Shop::open(&Witness::open(), SCRIPT);
    shop.perform(Step::Run, None);
    let made = shop.made_shown();
    let journal = shop.at("state/journal");
    let set = |mode: u32, of_files: u32| {
        for file in fs::read_dir(&journal).unwrap() {
            let file = file.unwrap().path();
            fs::set_permissions(file, Permissions::from_mode(of_files)).unwrap();
        }
        fs::set_permissions(&journal, Permissions::from_mode(mode)).unwrap();
    };
    set(0o500, 0o400);
    // Whoever is root is not asked for permission, unless they have given up not to be.
    let refused = through(
        &["setpriv", "--bounding-set=-dac_override"],
        &shop.step(Step::Run),
    );
    set(0o700, 0o600);
    assert_eq!(refused.1.lines().count(), 3, "{refused:#?}");
    assert_eq!(shop.made_shown(), made);
    shop.is_sound();
    assert_eq!(shop.runs().len(), 1);
    shop.perform(Step::Run, None);
    assert_eq!(shop.made().len(), 6);
    shop.is_sound();
}
