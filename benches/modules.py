#!/usr/bin/env python3
"""What scripts do most, under CPython and in sandgate in turns: a table of the modules with their times and ratios.

People run it by hand: `python3 benches/modules.py --sandgate target/release/sandgate [--only json csv] [--turns 3]`. Each
program measures itself, so start and import do not count; what is shown is the best of the turns, in milliseconds.
It must not treat a program differently in the two interpreters.
"""

import argparse
import math
import pathlib
import subprocess
import sys
import tempfile

LIMITS = """hero_context = 1
timeout = "300s"
memory = "1GiB"
output = "64MiB"
workspace_bytes = "256MiB"
workspace_files = 1000
approvals = false
"""
POLICY = '@id("nothing")\n@because("Programs that are measured call no service.")\nforbid (principal, action, resource);\n'

# Name: what is prepared, and what is measured.
PROGRAMS = {
    "json.loads": (
        "import json\nt=json.dumps([{'id':i,'name':'item %d'%i,'price':i*1.25,'tags':['a','b','c'],'open':True,'none':None} for i in range(2000)])",
        "for _ in range(10): json.loads(t)",
    ),
    "json.dumps": (
        "import json\nd=[{'id':i,'name':'item %d'%i,'price':i*1.25,'tags':['a','b','c'],'open':True,'none':None} for i in range(2000)]",
        "for _ in range(10): json.dumps(d)",
    ),
    "json.dumps indent": (
        "import json\nd=[{'id':i,'name':'item \\u00e4 %d'%i,'price':i*1.25,'tags':['a','b','c']} for i in range(2000)]",
        "for _ in range(10): json.dumps(d,indent=2,sort_keys=True)",
    ),
    "csv.reader": (
        "import csv,io\nt='\\n'.join('%d,name %d,\"quoted, %d\",%f'%(i,i,i,i*.5) for i in range(20000))",
        "for _ in range(3): list(csv.reader(io.StringIO(t)))",
    ),
    "csv.DictReader": (
        "import csv,io\nt='a,b,c,d\\n'+'\\n'.join('%d,name %d,\"quoted, %d\",%f'%(i,i,i,i*.5) for i in range(10000))",
        "for _ in range(3): list(csv.DictReader(io.StringIO(t)))",
    ),
    "csv.writer": (
        "import csv,io\nr=[[i,'name %d'%i,'quoted, %d'%i,i*.5] for i in range(10000)]",
        "for _ in range(3): csv.writer(io.StringIO()).writerows(r)",
    ),
    "datetime": (
        "from datetime import datetime,timedelta,timezone\nd=datetime(2024,1,1)",
        "for i in range(30000):\n e=d+timedelta(days=i%900,seconds=i)\n (e-d).total_seconds(); e.isoformat(); e<d; e.year; e.date()",
    ),
    "datetime parse": (
        "from datetime import datetime",
        "for i in range(10000):\n datetime.fromisoformat('2024-03-01T10:20:30'); datetime(2024,3,1).strftime('%Y-%m-%d')",
    ),
    "strptime": ("from datetime import datetime", "for i in range(5000): datetime.strptime('2024-03-01 10:20','%Y-%m-%d %H:%M')"),
    "decimal": (
        "from decimal import Decimal\na=Decimal('1234.56'); b=Decimal('0.0825')\nc=Decimal('0.01')",
        "s=Decimal(0)\nfor i in range(10000):\n x=(a*b).quantize(c); s+=x+i; s>a; str(x)",
    ),
    "decimal pi": (
        "from decimal import Decimal,getcontext",
        "for _ in range(20):\n D=Decimal; lasts,t,s,n,na,d,da=D(0),D(3),D(3),D(1),D(0),D(0),D(24)\n while s!=lasts:\n  lasts=s; n,na=n+na,na+8; d,da=d+da,da+32; t=(t*n)/d; s+=t",
    ),
    "fractions": ("from fractions import Fraction", "s=Fraction(0)\nfor i in range(1,3000): s=Fraction(i%7,i%11+1)*Fraction(3,4)+Fraction(1,3)"),
    "struct": ("import struct\np=struct.Struct('<IhHdq')", "for i in range(50000): p.unpack(p.pack(i,3,4,1.5,i)); struct.unpack('>I',b'abcd')"),
    "bisect": ("import bisect\nl=list(range(0,100000,3))", "for i in range(100000): bisect.bisect_left(l,i); bisect.bisect(l,i)"),
    "heapq": ("import heapq,random\nrandom.seed(1)\nv=[random.random() for _ in range(30000)]", "h=[]\nfor x in v: heapq.heappush(h,x)\nwhile h: heapq.heappop(h)"),
    "heapq.nlargest": ("import heapq\nv=[(i*7919)%100003 for i in range(100000)]", "heapq.nlargest(100,v); heapq.nsmallest(100,v,key=lambda x:-x)"),
    "statistics": ("import statistics\nv=[float(i%977) for i in range(5000)]", "for _ in range(3): statistics.mean(v); statistics.stdev(v); statistics.median(v); statistics.fmean(v)"),
    "random": ("import random\nrandom.seed(7)\nl=list(range(1000))", "for i in range(30000): random.random(); random.randint(1,100); random.choice(l)\nfor i in range(20): random.shuffle(l)"),
    "Counter": ("from collections import Counter\nw=('the quick brown fox jumps over the lazy dog '*5000).split()", "for _ in range(3): c=Counter(w); c.most_common(3)\nc=Counter()\nfor x in w: c[x]+=1"),
    "defaultdict": ("from collections import defaultdict", "d=defaultdict(list)\nfor i in range(200000): d[i%1000].append(i)"),
    "OrderedDict": ("from collections import OrderedDict", "d=OrderedDict()\nfor i in range(50000): d[i]=i\nfor i in range(50000): d.move_to_end(i)\nwhile d: d.popitem(last=False)"),
    "deque": ("from collections import deque", "d=deque(maxlen=1000)\nfor i in range(300000): d.append(i)\nfor i in range(100000): d.append(d.popleft())"),
    "namedtuple": ("from collections import namedtuple\nP=namedtuple('P','x y z')", "for i in range(100000): p=P(i,2,3); p.x+p.y+p.z"),
    "lru_cache": ("import functools\n@functools.lru_cache(maxsize=None)\ndef f(n): return n\n@functools.lru_cache(maxsize=100)\ndef g(n): return n", "for i in range(100000): f(i%500); g(i%90)"),
    "cmp_to_key": ("import functools\nv=[(i*7919)%10007 for i in range(10000)]", "sorted(v,key=functools.cmp_to_key(lambda a,b:a-b))"),
    "reduce": ("import functools,operator", "functools.reduce(operator.add,range(300000)); functools.reduce(lambda a,b:a+b,range(100000))"),
    "itertools": ("import itertools", "sum(1 for _ in itertools.permutations(range(8)))\nsum(map(len,itertools.combinations(range(18),6)))\nlist(itertools.accumulate(range(100000)))\nfor k,g in itertools.groupby(range(100000),lambda x:x//10): list(g)\nlist(itertools.chain.from_iterable([[1,2]]*50000)); list(itertools.islice(itertools.count(),100000)); list(itertools.product(range(50),repeat=3))"),
    "operator": ("import operator\nv=[{'a':i,'b':(i,2)} for i in range(50000)]", "sorted(v,key=operator.itemgetter('a')); list(map(operator.itemgetter('a','b'),v))"),
    "re": ("import re\nt=('Name: John Smith, mail john.smith@example.org, on 2024-03-01; '*2000)", "re.findall(r'\\b\\w+@\\w+\\.\\w+',t); re.sub(r'(\\d+)-(\\d+)-(\\d+)',r'\\3.\\2.\\1',t); len(re.split(r'[;,]\\s*',t)); [m.start() for m in re.finditer(r'John|mail',t)]"),
    "re.match": ("import re\np=re.compile(r'(\\w+)\\s*=\\s*(\\d+)')", "for i in range(60000): p.match('width = 42').groups()"),
    "re.compile": ("import re", "for i in range(100): re.purge(); re.compile(r'^(?P<a>\\d{4})-(?P<b>\\d\\d)[T ](?:x|y|zed)+$')"),
    "copy.deepcopy": ("import copy\nd={'a':[1,2,{'x':(1,2,[3])}]*10,'b':{i:str(i) for i in range(20)}}", "for i in range(200): copy.deepcopy(d)"),
    "dataclass use": ("from dataclasses import dataclass,asdict,replace\n@dataclass(order=True)\nclass P:\n x:int\n y:int=2\n z:str='a'", "for i in range(30000): p=P(i); p==P(1); p.x+p.y\nfor i in range(3000): asdict(p); replace(p,x=3); repr(p)"),
    "dataclass make": ("from dataclasses import dataclass", "for i in range(100):\n @dataclass\n class P:\n  x:int\n  y:int=2\n  z:str='a'"),
    "enum use": ("import enum\nclass C(enum.Enum):\n A=1\n B=2\nclass F(enum.Flag):\n A=1\n B=2\n C=4", "for i in range(50000): C.A.value; C(2); C['A']; C.A is C.B; C.A.name\nfor i in range(5000): F.A|F.B"),
    "enum make": ("import enum", "for i in range(100):\n class C(enum.Enum):\n  A=1\n  B=2\n  D=3"),
    "pyexpat": ("import xml.etree.ElementTree as E\nt='<r>'+'<i a=\"1\" b=\"two\">text &amp; more<c/></i>'*2000+'</r>'", "for _ in range(3): r=E.fromstring(t); r.findall('i'); E.tostring(r)"),
    "str.join split": ("w=['word%d'%i for i in range(100000)]\nt=' '.join(w)", "for _ in range(10): ' '.join(w); t.split(); t.split(' ')"),
    "str methods": ("l=['  Hello World %d  '%i for i in range(20000)]", "for s in l: s.strip().lower().replace('o','0').upper().startswith('H'); s.find('W'); s.title(); 'x' in s; s[2:7]; s.isdigit(); s.count('l')"),
    "str loop": ("t='hello world '*20000", "n=0\nfor c in t:\n if c=='o': n+=1\n''.join(reversed(t)); t[::-1]; ''.join(c.upper() for c in t)"),
    "str concat": ("", "s=''\nfor i in range(100000): s+='x'\nt=''\nfor i in range(50000): t=t+str(i)"),
    "f-strings": ("n='abc'", "for i in range(100000): f'{n}:{i} {i/3:.2f} {i:>8} {i:,}'"),
    "percent format": ("n='abc'", "for i in range(60000): '%s %d %.2f'%(n,i,i*.5); '{} {:>5}'.format(n,i)"),
    "int str": ("", "for i in range(200000): int(str(i)); float('1.5')"),
    "big ints": ("", "a=3**2000\nfor i in range(2000): a*3%(10**50); pow(3,i,10**9+7)\nx=1\nfor i in range(1,1500): x*=i\nstr(x)"),
    "sorted key": ("v=[(i*7919)%100003 for i in range(100000)]\nw=[str(i) for i in v]", "sorted(v); sorted(v,key=lambda x:-x); sorted(w); sorted(w,key=len); sorted(zip(v,w)); sorted(v,reverse=True)"),
    "min max sum": ("v=[(i*7919)%100003 for i in range(200000)]", "min(v); max(v); sum(v); min(v,key=lambda x:-x); any(x<0 for x in v); all(v); sum(x for x in v); max(map(abs,v))"),
    "dict": ("", "d={}\nfor i in range(200000): d[i]=i\nfor i in range(200000): d.get(i); i in d\nfor k,v in d.items(): pass\n{k:v for k,v in d.items()}"),
    "dict words": ("w=('the quick brown fox jumps over the lazy dog '*5000).split()", "for _ in range(2):\n d={}\n for x in w: d[x]=d.get(x,0)+1"),
    "set": ("a=set(range(100000)); b=set(range(50000,150000))", "a|b; a&b; a-b\nfor i in range(200000): i in a\n{x*2 for x in a}; c=set()\nfor i in range(100000): c.add(i)"),
    "list": ("", "l=[]\nfor i in range(300000): l.append(i)\nl2=[x*2 for x in l]; l[5:200000]; l.reverse(); l+l2\nwhile l: l.pop()"),
    "matrix": ("n=60\na=[[i*j for j in range(n)] for i in range(n)]", "[[sum(a[i][k]*a[k][j] for k in range(n)) for j in range(n)] for i in range(n)]"),
    "while loop": ("", "i=0\nwhile i<500000: i+=1"),
    "for loop": ("", "s=0\nfor i in range(500000): s+=i*2"),
    "float loop": ("import math", "x=0.0\nfor i in range(200000): x+=math.sqrt(i)*1.5-x/3"),
    "fib": ("def fib(n): return n if n<2 else fib(n-1)+fib(n-2)", "fib(23)"),
    "methods": ("class A:\n def __init__(self): self.x=0\n def inc(self,n): self.x+=n\n @property\n def p(self): return self.x\n @staticmethod\n def s(a): return a\na=A()", "for i in range(100000): a.inc(1); a.p; A.s(i)"),
    "classes": ("class A:\n def __init__(self,x,y=2): self.x=x; self.y=y\n def __eq__(self,o): return self.x==o.x\n def __add__(self,o): return A(self.x+o.x)\nclass B(A):\n def __init__(self,x): super().__init__(x)", "for i in range(50000): A(i)+B(i)==A(1)"),
    "kwargs": ("def f(a,b=1,*args,c=3,**kw): return a\ndef g(*a,**k): return f(*a,**k)", "for i in range(60000): f(1,c=2,d=4); g(1,2,3,c=4); f(i)"),
    "closures": ("def m():\n n=0\n def f():\n  nonlocal n\n  n+=1\n  return n\n return f\nf=m()", "for i in range(200000): f()\nlist(map(lambda x:x+1,range(200000))); list(filter(lambda x:x%2,range(100000)))"),
    "generators": ("def g(n):\n for i in range(n): yield i\ndef h(n): yield from g(n)", "sum(g(200000)); sum(h(100000)); sum(x*2 for x in range(200000))"),
    "comprehensions": ("", "for _ in range(5): [x*x for x in range(50000) if x%3]; {x:x for x in range(30000)}; [(a,b) for a in range(100) for b in range(100)]"),
    "await": ("import asyncio\nasync def f(n): return n\nasync def m():\n s=0\n for i in range(100000): s+=await f(i)", "asyncio.run(m())"),
    "async tasks": ("import asyncio\nasync def f(n): await asyncio.sleep(0); return n\nasync def m():\n for i in range(10): await asyncio.gather(*[f(i) for i in range(500)])", "asyncio.run(m())"),
    "async generators": ("import asyncio\nasync def g(n):\n for i in range(n): yield i\nasync def m():\n async for x in g(100000): pass", "asyncio.run(m())"),
    "exceptions": ("def f(i):\n if i%2: raise ValueError(i)", "for i in range(60000):\n try: f(i)\n except ValueError as e: pass\n try: {}[i]\n except KeyError: pass"),
    "with": ("from contextlib import contextmanager\nclass C:\n def __enter__(self): return self\n def __exit__(self,*a): pass\n@contextmanager\ndef c(): yield 1", "for i in range(60000):\n with C(): pass\nfor i in range(20000):\n with c(): pass"),
    "match": ("def f(x):\n match x:\n  case {'a':1}: return 1\n  case [a,b]: return 2\n  case int(): return 3\n  case str(): return 4", "for i in range(40000): f({'a':1}); f([1,2]); f(3); f('x')"),
    "unpacking": ("", "for i in range(200000): a,b=i,2; c,*d=(1,2,3); a,b=b,a"),
    "print": ("", "for i in range(50000): print(i)"),
    "print many": ("", "for i in range(30000): print('line',i,'of',30000,sep=' ')"),
    "print file": ("f=open('out.txt','w')", "for i in range(50000): print(i,file=f)"),
    "file lines": ("open('in.txt','w').write('some text in a line\\n'*50000)", "for _ in range(2):\n for l in open('in.txt'): l.rstrip()\nwith open('o.txt','w') as f:\n for i in range(50000): f.write('some text\\n')"),
    "StringIO": ("import io", "f=io.StringIO()\nfor i in range(100000): f.write('text %d\\n')\nf.seek(0)\nfor l in f: pass"),
    "pathlib": ("import pathlib", "for i in range(3000): p=pathlib.Path('/a/b')/'c.txt'; p.name; p.suffix; p.parent; str(p); p.with_suffix('.x')"),
    "hashlib": ("import hashlib\nd=b'x'*100000", "for i in range(20): hashlib.sha256(d).hexdigest(); hashlib.md5(d).digest()"),
    "base64": ("import base64\nd=bytes(range(256))*1000", "for i in range(20): base64.b64decode(base64.b64encode(d))"),
    "zlib": ("import zlib\nd=b'some text to be compressed '*20000", "for i in range(3): zlib.decompress(zlib.compress(d))"),
    "uuid": ("import uuid", "for i in range(10000): str(uuid.uuid4())"),
    "textwrap": ("import textwrap\nt='the quick brown fox jumps over the lazy dog '*200", "for i in range(5): textwrap.fill(t,70)"),
    "difflib": ("import difflib\na=['line %d'%(i%50) for i in range(300)]; b=['line %d'%(i%47) for i in range(300)]", "list(difflib.unified_diff(a,b)); difflib.SequenceMatcher(None,'kitten'*20,'sitting'*20).ratio()"),
    "sqlite3": ("import sqlite3\nc=sqlite3.connect(':memory:'); c.execute('create table t(a,b)')", "c.executemany('insert into t values(?,?)',[(i,str(i)) for i in range(20000)]); c.execute('select sum(a),max(b) from t').fetchall(); len(c.execute('select * from t').fetchall())"),
    "pickle": ("import pickle\nd=[{'id':i,'name':'n%d'%i,'l':[1,2]} for i in range(3000)]", "for i in range(5): pickle.loads(pickle.dumps(d))"),
    "logging": ("import logging,io\nh=logging.StreamHandler(io.StringIO()); l=logging.getLogger('x'); l.addHandler(h); l.setLevel(20); h.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(message)s'))", "for i in range(5000): l.info('value %d',i); l.debug('no')"),
    "argparse": ("import argparse", "for i in range(50):\n p=argparse.ArgumentParser(); p.add_argument('-a'); p.add_argument('b',nargs='*'); p.parse_args(['-a','1','x','y'])"),
    "string.Template": ("import string", "t=string.Template('$a and ${b}')\nfor i in range(10000): t.substitute(a=1,b=2)"),
    "ast eval": ("import ast", "for i in range(1000): ast.literal_eval(\"{'a':[1,2,3],'b':(4,5)}\"); eval('1+2')"),
    "isinstance": ("from collections.abc import Mapping,Sequence\nimport numbers", "for i in range(100000): isinstance(i,int); isinstance(i,(str,list)); isinstance({},Mapping); isinstance(i,numbers.Number)"),
    "getattr": ("class A:\n x=1\n def __getattr__(self,n): return 1\na=A()", "for i in range(100000): getattr(a,'x'); getattr(a,'q',0); hasattr(a,'x'); setattr(a,'y',i)"),
    "sieve": ("", "n=300000\ns=bytearray([1])*(n+1)\nfor i in range(2,548):\n if s[i]:\n  for j in range(i*i,n+1,i): s[j]=0\nsum(s)"),
    "nqueens": ("def q(n,r=0,c=0,d=0,e=0):\n if r==n: return 1\n t=0\n for i in range(n):\n  if not(c>>i&1 or d>>(r+i)&1 or e>>(r-i+n)&1): t+=q(n,r+1,c|1<<i,d|1<<(r+i),e|1<<(r-i+n))\n return t", "q(7)"),
    "bytes": ("b=bytes(range(256))*400", "bytearray(b).find(b'zz'); b.hex(); bytes.fromhex(b.hex()); sum(b); [x^1 for x in b]; b.split(b'a'); b.decode('latin1').encode('utf8')"),
}
PROGRAM = """import time
{prepare}
def _measured():
{body}
_begun = time.perf_counter()
_measured()
_took = time.perf_counter() - _begun
import sys
print("took", _took, file=sys.stderr)
"""


def program(prepare, measure):
    """The source of one, whose measured part is a function, as the hot part of a script mostly is."""
    return PROGRAM.format(prepare=prepare, body="\n".join(" " + line for line in measure.splitlines()))


def took(command, place):
    """Milliseconds that the program measured for itself, or what went wrong."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=place)
    for line in done.stderr.splitlines():
        if line.startswith("took "):
            return float(line.split()[1]) * 1000
    return (done.stderr.strip().splitlines() or ["no output"])[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sandgate", required=True, type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", nargs="+", default=list(PROGRAMS))
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        context = place / "policies" / "modules"
        context.mkdir(parents=True)
        (context / "limits.toml").write_text(LIMITS)
        (context / "policy.cedar").write_text(POLICY)
        work = place / "work"
        work.mkdir()
        command = [options.sandgate.resolve(), "run", "--quiet", "--policies", context.parent, "--context", "modules"]
        command += ["--state-dir", place / "state"]
        print("| program | CPython, ms | sandgate, ms | ratio |\n|---|---|---|---|")
        ratios = []
        for name in options.only:
            script = work / "program.py"
            script.write_text(program(*PROGRAMS[name]))
            turns = [(took([options.python, script], work), took([*command, script], work)) for _ in range(options.turns)]
            theirs, ours = ([turn[side] for turn in turns] for side in (0, 1))
            if all(isinstance(time, float) for time in theirs + ours):
                theirs, ours = min(theirs), min(ours)
                ratios.append(ours / theirs)
                print(f"| {name} | {theirs:.1f} | {ours:.1f} | {ours / theirs:.1f} |", flush=True)
            else:
                print(f"| {name} | {theirs[0]} | {ours[0]} | |", flush=True)
        if ratios:
            print(f"\nGeometric mean of {len(ratios)} ratios: {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}")


if __name__ == "__main__":
    main()
