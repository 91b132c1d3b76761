//! What becomes of a question, compared with a model of it over histories drawn at random. The model keeps every answer that was
//! given and looks at all of them; `decide` is given what the journal keeps.

use super::*;
use proptest::{prelude::Rng, test_runner::TestRunner};

/// One answer, as it was given.
struct Given {
    name: &'static str,
    agrees: bool,
    at: u64,
    counted: bool,
}

/// What a history must have come to.
struct Model {
    needed: u32,
    expires: u64,
    requester: Option<&'static str>,
    approvers: BTreeSet<String>,
    withdrawn: bool,
    given: Vec<Given>,
}

impl Model {
    fn state(&self) -> ApprovalState {
        let counted = |agrees| {
            self.given
                .iter()
                .filter(move |given| given.counted && given.agrees == agrees)
        };
        if self.withdrawn {
            ApprovalState::Withdrawn
        } else if counted(false).count() > 0 {
            ApprovalState::Rejected
        } else if counted(true).count() >= usize::try_from(self.needed).unwrap() {
            ApprovalState::Approved
        } else {
            ApprovalState::Pending
        }
    }

    /// Why an answer does not count, in one word; nothing where it does.
    fn why_not(&self, by: &Answerer, agrees: bool, now: u64) -> Option<&'static str> {
        let entitled = self.approvers.is_empty()
            || by.claims.iter().any(|claim| self.approvers.contains(claim));
        let has_agreed = self
            .given
            .iter()
            .any(|given| given.counted && given.agrees && given.name == by.name);
        let two_are_needed = self.needed > 1 || !self.approvers.is_empty();
        if self.state() != ApprovalState::Pending {
            Some("state")
        } else if now >= self.expires {
            Some("expired")
        } else if !entitled {
            Some("claims")
        } else if agrees && two_are_needed && self.requester == Some(by.name.as_str()) {
            Some("requester")
        } else if agrees && has_agreed {
            Some("twice")
        } else {
            None
        }
    }
}

fn word(error: &AnswerError) -> &'static str {
    match error {
        AnswerError::State(_) => "state",
        AnswerError::Expired(_) => "expired",
        AnswerError::Claims(_) => "claims",
        AnswerError::Requester(_) => "requester",
        AnswerError::Twice(_) => "twice",
        _ => "another",
    }
}

const NAMES: [&str; 4] = ["ada", "bob", "eve", "test"];
const CLAIMS: [&str; 3] = ["crm.manager", "crm.admin", "guest"];

#[test]
fn apr_02_what_becomes_of_a_question_is_what_a_model_says_over_histories_of_answers() {
    let times: u32 =
        std::env::var("SANDGATE_HISTORIES").map_or(10_000, |times| times.parse().unwrap());
    let mut runner = TestRunner::default();
    let random = runner.rng();
    let mut below = |most: u64| random.next_u64() % most;
    let mut seen = BTreeSet::new();
    for _ in 0..times {
        let mut model = Model {
            needed: 1 + u32::try_from(below(3)).unwrap(),
            expires: 40 + below(60),
            requester: match below(3) {
                0 => None,
                _ => Some(NAMES[usize::try_from(below(4)).unwrap()]),
            },
            approvers: (0..below(3))
                .map(|_| CLAIMS[usize::try_from(below(2)).unwrap()].to_owned())
                .collect(),
            withdrawn: false,
            given: Vec::new(),
        };
        // What the journal keeps.
        let (mut state, mut agreed) = (ApprovalState::Pending, BTreeSet::new());
        let mut now = 0;
        for _ in 0..1 + below(8) {
            // A clock may be set back.
            now = if below(10) == 0 {
                now / 2
            } else {
                now + below(20)
            };
            if below(20) == 0 && state == ApprovalState::Pending {
                state = ApprovalState::Withdrawn;
                model.withdrawn = true;
            }
            let name = NAMES[usize::try_from(below(4)).unwrap()];
            let by = Answerer {
                in_band: false,
                name: name.to_owned(),
                claims: (0..below(3))
                    .map(|_| CLAIMS[usize::try_from(below(3)).unwrap()].to_owned())
                    .collect(),
            };
            let agrees = below(4) > 0;
            let question = AskedQuestion {
                state,
                needed: model.needed,
                expires: model.expires,
                agreed: &agreed,
                requester: model.requester,
                approvers: &model.approvers,
            };
            let why_not = model.why_not(&by, agrees, now);
            let decided = decide(&question, &by, agrees, now);
            assert_eq!(decided.as_ref().err().map(word), why_not);
            model.given.push(Given {
                name,
                agrees,
                at: now,
                counted: why_not.is_none(),
            });
            seen.insert(why_not.unwrap_or("counted"));
            if let Ok((next, number)) = decided {
                state = next;
                if agrees {
                    agreed.insert(by.name);
                }
                assert_eq!(number, u32::try_from(agreed.len()).unwrap());
            }
            assert_eq!(state, model.state());
        }
        let in_time = |given: &Given| !given.counted || given.at < model.expires;
        assert!(model.given.iter().all(in_time));
    }
    let all = [
        "claims",
        "counted",
        "expired",
        "requester",
        "state",
        "twice",
    ];
    assert_eq!(seen, BTreeSet::from(all));
}
