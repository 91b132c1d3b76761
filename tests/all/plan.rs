//! Whose word a plan is carried out on, as an embedder has it: it counts for the calls of the plan as an answer to a question about
//! each would, also after the run has waited for others, in another host on the same state.

use crate::{
    journal::{GATED, Shop, resume},
    support::limits,
};
use sandgate::{Answered, Answerer, Host, Outcome, PastRun, Script, Status};

const ORDERS: &str = "from services import shop
print(shop.item_order('bread', 2))
print(shop.item_order('milk', 1))
";
const BUYERS: &str = "hero_context = 1\napprovers = [\"buyer\"]\n";
const TWO_BUYERS: &str = "hero_context = 1\napprovers = [\"buyer\"]\napprovals = 2\n";

fn person(name: &str, claims: &[&str]) -> Answerer {
    Answerer {
        in_band: false,
        name: name.to_owned(),
        claims: claims.iter().map(ToString::to_string).collect(),
    }
}

/// Plans the orders and carries the plan out on somebody's word.
async fn carried_out(shop: &Shop, host: &Host, by: &Answerer) -> Outcome {
    let caller = host.context("assistant").unwrap().tightened(limits());
    let plan = host.sandbox().plan(Script::new(ORDERS), caller.context());
    let plan = plan.await.unwrap();
    assert_eq!((plan.status, shop.sent()), (Status::Ok, vec![]));
    let past = PastRun::read(caller.journal().unwrap(), &plan.run.unwrap().to_string()).unwrap();
    let carried = past.carry_out(host.sandbox(), caller.context(), by, None, None);
    carried.await.unwrap()
}

async fn go_on(shop: &Shop, limits: &str, waits: &Outcome) -> Outcome {
    let host = shop.host(GATED, limits).await;
    let past = PastRun::read(&shop.journal(), &waits.run.unwrap().to_string()).unwrap();
    resume(&host, past).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_02_whoever_may_approve_a_call_may_approve_it_by_its_plan_and_nobody_else() {
    let shop = Shop::open();
    let host = shop.host(GATED, BUYERS).await;
    let outcome = carried_out(&shop, &host, &person("ann", &["buyer"])).await;
    assert_eq!(
        (outcome.status, outcome.stdout.text.as_str()),
        (Status::Ok, "1\n2\n"),
        "{outcome:#?}"
    );
    for nobody in [
        person("ann", &["seller"]),
        // Who asks for a call is none of those who look at it.
        person("script", &["buyer"]),
    ] {
        let shop = Shop::open();
        let host = shop.host(GATED, BUYERS).await;
        let outcome = carried_out(&shop, &host, &nobody).await;
        assert_eq!(outcome.status, Status::AwaitingApproval, "{outcome:#?}");
        assert_eq!(shop.sent(), Vec::<String>::new());
        let buyer = person("bob", &["buyer"]);
        for sent in [1, 2] {
            let waiting = shop.journal().asked(&Default::default()).unwrap();
            let [asked] = waiting.as_slice() else {
                panic!("{waiting:#?}")
            };
            assert_eq!(asked.agreed, Vec::<String>::new());
            let answered = shop.answer_by(asked.row.approval, &buyer, true, BUYERS);
            assert_eq!(answered.unwrap(), Answered::Approved);
            let outcome = go_on(&shop, BUYERS, &outcome).await;
            let expected = if sent == 2 {
                Status::Ok
            } else {
                Status::AwaitingApproval
            };
            assert_eq!((outcome.status, shop.sent().len()), (expected, sent));
        }
        shop.verify();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apr_02_whoever_agreed_to_a_plan_is_one_of_two_for_each_of_its_calls_also_when_it_goes_on()
{
    let shop = Shop::open();
    let host = shop.host(GATED, TWO_BUYERS).await;
    let outcome = carried_out(&shop, &host, &person("ann", &["buyer"])).await;
    drop(host);
    assert_eq!(outcome.status, Status::AwaitingApproval, "{outcome:#?}");
    for sent in [1, 2] {
        let waiting = shop.journal().asked(&Default::default()).unwrap();
        let [asked] = waiting.as_slice() else {
            panic!("{waiting:#?}")
        };
        assert_eq!(
            (asked.row.agreed, asked.agreed.as_slice()),
            (1, &["ann".to_owned()][..])
        );
        let ann = shop.answer_by(
            asked.row.approval,
            &person("ann", &["buyer"]),
            true,
            TWO_BUYERS,
        );
        assert_eq!(
            ann.unwrap_err().to_string(),
            "`ann` has agreed already; somebody else has to as well"
        );
        let other = person("bob", &["buyer"]);
        let answered = shop.answer_by(asked.row.approval, &other, true, TWO_BUYERS);
        assert_eq!(answered.unwrap(), Answered::Approved);
        let outcome = go_on(&shop, TWO_BUYERS, &outcome).await;
        let expected = if sent == 2 {
            Status::Ok
        } else {
            Status::AwaitingApproval
        };
        assert_eq!((outcome.status, shop.sent().len()), (expected, sent));
    }
    assert_eq!(shop.sent(), ["bread 2", "milk 1"]);
    shop.verify();
}
