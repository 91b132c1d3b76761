//! Every place between a decision and its record, by every way to a change, by every time that it is passed: the process dies there,
//! and what it leaves is what a person can go on from. The table is made of what each command passes when nothing dies.

use super::shop::{Shop, Step};
use crate::support::witness::Witness;
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// One way to a change.
struct Scenario {
    name: &'static str,
    script: &'static str,
    /// The commands, and whether they die.
    steps: &'static [(Step, bool)],
    /// What has to be made in the end, each once.
    made: &'static [&'static str],
    /// What the script has printed in the end, where it can be gone on with.
    printed: &'static str,
}

/// What every script begins with: what was not made is made.
const SURE: &str = "from services import shop
def sure(call, **given):
    while True:
        try:
            return call(tag='TAG', **given)
        except ConnectionError:
            pass
";

static SCENARIOS: [Scenario; 9] = [
    Scenario {
        name: "reads",
        script: "print(sure(shop.item_list))\nprint(sure(shop.item_list))\n",
        steps: &[(Step::Run, true)],
        made: &[],
        printed: "0\n0\n",
    },
    Scenario {
        name: "a change",
        script: "sure(shop.item_list)\nsure(shop.item_add, item='a')\nprint(sure(shop.item_list))\n",
        steps: &[(Step::Run, true)],
        made: &["add a"],
        printed: "1\n",
    },
    Scenario {
        name: "an idempotent change",
        script: "sure(shop.item_put, item='a')\nprint(sure(shop.item_list))\n",
        steps: &[(Step::Run, true)],
        made: &["put a"],
        printed: "1\n",
    },
    Scenario {
        name: "a change that is approved later",
        script: "sure(shop.item_order, item='a')\nprint(sure(shop.item_list))\n",
        steps: &[
            (Step::Run, true),
            (Step::Approve, true),
            (Step::Resume, true),
        ],
        made: &["order a"],
        printed: "1\n",
    },
    Scenario {
        name: "calls at once",
        script: "import asyncio
from services.aio import shop
async def sure(call, **given):
    while True:
        try:
            return await call(tag='TAG', **given)
        except ConnectionError:
            pass
async def main():
    calls = [(shop.item_add, 'a'), (shop.item_put, 'b'), (shop.item_add, 'c')]
    await asyncio.gather(sure(shop.item_list), *[sure(call, item=item) for call, item in calls])
    print(await sure(shop.item_list))
asyncio.run(main())
",
        steps: &[(Step::Run, true)],
        made: &["add a", "add c", "put b"],
        printed: "3\n",
    },
    Scenario {
        name: "calls at once that are approved later",
        script: "from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor() as pool:
    list(pool.map(lambda item: sure(shop.item_order, item=item), 'ab'))
print(sure(shop.item_list))
",
        steps: &[
            (Step::Run, false),
            (Step::Approve, false),
            (Step::Resume, true),
        ],
        made: &["order a", "order b"],
        printed: "2\n",
    },
    Scenario {
        name: "a plan that is carried out",
        script: "first = sure(shop.item_order, item='a')
sure(shop.item_add, item='b', after=first['id'])
print('done')
",
        steps: &[(Step::Plan, true), (Step::Carry, true)],
        made: &["add b", "order a"],
        printed: "done\n",
    },
    Scenario {
        name: "an undo",
        script: "sure(shop.item_add, item='a')\nsure(shop.item_add, item='b')\nprint('done')\n",
        steps: &[(Step::Run, false), (Step::Undo, true)],
        made: &["add a", "add b", "remove 1", "remove 2"],
        printed: "done\n",
    },
    Scenario {
        name: "a session",
        script: "first = sure(shop.item_add, item='a')\n# next\nsure(shop.item_put, item='b')\n",
        steps: &[(Step::Session, true)],
        made: &["add a", "put b"],
        printed: "",
    },
];

/// A place at which a step of a scenario dies: the so-and-so-many-th time that it is passed.
struct Cell {
    scenario: &'static Scenario,
    step: usize,
    place: String,
    time: usize,
}

impl Cell {
    fn name(&self) -> String {
        let (step, _) = self.scenario.steps[self.step];
        let name = self.scenario.name;
        format!("{name}, {step:?} at {} {}", self.place, self.time)
    }

    fn told(&self) -> String {
        format!("{}@{}=die", self.place, self.time)
    }

    /// Dies there, and goes on. Tells whether it died.
    fn carry_out(&self, witness: &Witness) -> bool {
        let Scenario {
            steps,
            made,
            printed,
            ..
        } = self.scenario;
        let shop = open(witness, self.scenario);
        for (step, _) in &steps[..self.step] {
            shop.perform(*step, None);
        }
        let (step, _) = steps[self.step];
        let died = shop.perform(step, Some(&self.told()));
        let has_died = !died.passed().is_empty();
        shop.is_sound();
        if has_died {
            self.is_known(&shop);
        }
        shop.go_on();
        shop.is_sound();
        for (step, _) in &steps[self.step..] {
            if !shop.is_done(*step) {
                shop.perform(*step, None);
                shop.go_on();
            }
        }
        shop.is_sound();
        let is_session = step == Step::Session;
        let mut made_now = shop.made_shown();
        made_now.sort();
        if is_session {
            // Nobody goes on with it, so what was not made by then is not.
            made_now.dedup();
            assert!(
                made_now
                    .iter()
                    .all(|made| self.scenario.made.contains(&made.as_str()))
            );
            assert_eq!(made_now.len(), shop.made().len());
        } else {
            assert_eq!(made_now, *made);
            let run = shop.runs().into_iter().rfind(|row| {
                !matches!(
                    row.of,
                    Some(sandgate::Purpose::Plan | sandgate::Purpose::Undo(_))
                )
            });
            let past = sandgate::PastRun::read(&shop.journal(), &run.unwrap().run.to_string());
            let result = past.unwrap().result().unwrap();
            assert_eq!(
                (result.status.as_str(), result.stdout.as_str()),
                ("ok", *printed)
            );
        }
        has_died
    }

    /// Where there is one change, what is known of it depends on the place alone.
    fn is_known(&self, shop: &Shop) {
        if self.scenario.name != "a change" {
            return;
        }
        let unknown = match self.place.as_str() {
            // The second call of three is the change.
            "ticketed" | "sent" => usize::from(self.time == 2),
            "decided" | "cleared" | "intending" | "kept" | "ending" | "ended" => 0,
            // These are passed by another thread, whose time is its own.
            _ => return,
        };
        assert_eq!(shop.unknown(), unknown);
    }
}

fn open(witness: &Witness, scenario: &Scenario) -> Shop {
    let script = match scenario.name {
        "calls at once" => scenario.script.to_owned(),
        _ => format!("{SURE}{}", scenario.script),
    };
    Shop::open(witness, &script)
}

/// The table: what each step passes when nothing dies, how often.
fn cells(witness: &Witness, scenario: &'static Scenario) -> Vec<Cell> {
    let shop = open(witness, scenario);
    let mut cells = Vec::new();
    for (step, (command, dies)) in scenario.steps.iter().enumerate() {
        let finished = shop.perform(*command, Some("*@0=tell"));
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for place in finished.passed() {
            *times.entry(place).or_default() += 1;
        }
        assert!(!times.is_empty(), "{}: {finished:#?}", scenario.name);
        let all = times.into_iter().filter(|_| *dies);
        cells.extend(all.flat_map(|(place, times)| {
            (1..=times).map(move |time| Cell {
                scenario,
                step,
                place: place.to_owned(),
                time,
            })
        }));
    }
    let mut made = shop.made_shown();
    made.sort();
    assert_eq!(made, scenario.made, "{}", scenario.name);
    shop.is_sound();
    cells
}

#[test]
fn jrn_04_wherever_a_process_dies_nothing_is_made_twice_or_without_its_line_and_a_person_can_go_on()
{
    let witness = Witness::open();
    let cells: Vec<Cell> = SCENARIOS
        .iter()
        .flat_map(|scenario| cells(&witness, scenario))
        .collect();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let reached = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let died = catch_unwind(AssertUnwindSafe(|| cell.carry_out(&witness)));
                    match died {
                        Ok(true) => drop(reached.lock().unwrap().insert(cell.place.clone())),
                        // Another thread writes what has come by then, in fewer pieces or in more.
                        Ok(false) => {}
                        Err(_) => failures.lock().unwrap().push(cell.name()),
                    }
                }
            });
        }
    });
    assert_eq!(failures.into_inner().unwrap(), Vec::<String>::new());
    // Where nobody says what became of a call, the process that says it dies in `rivals`.
    let all: BTreeSet<String> = (sandgate::failpoints().iter())
        .filter(|place| !place.starts_with("resolv"))
        .map(ToString::to_string)
        .collect();
    assert_eq!(reached.into_inner().unwrap(), all);
    assert!(cells.len() > 200, "{}", cells.len());
}

#[test]
fn jrn_04_whoever_says_what_became_of_a_change_and_dies_has_said_it_or_not() {
    let witness = Witness::open();
    let scenario = &SCENARIOS[1];
    let mut reached = BTreeSet::new();
    for place in [
        "resolving",
        "committing",
        "committed",
        "anchored",
        "resolved",
    ] {
        let shop = open(&witness, scenario);
        shop.perform(Step::Run, Some("sent@2=die"));
        let run = shop.run_of(None).unwrap().to_string();
        let arguments = [
            "resolve",
            &run,
            "3",
            "--result",
            "{\"id\": 1}",
            "--as",
            "ada",
        ];
        let mut resolve = shop.command(&arguments);
        resolve.env("SANDGATE_FAILPOINT", format!("{place}@1=die"));
        let died = resolve.output().unwrap();
        assert_eq!(died.status.code(), None, "{place}");
        reached.insert(place);
        shop.is_sound();
        let is_said = !["resolving", "committing"].contains(&place);
        assert_eq!(shop.unknown(), usize::from(!is_said), "{place}");
        shop.go_on();
        shop.is_sound();
        assert_eq!(shop.made_shown(), ["add a"], "{place}");
    }
    assert_eq!(reached.len(), 5);
}
