//! Scripts with what is said of them: mistakes as models make them, and beside them what only looks like one.

mod corpora;

use crate::{CheckReport, Offered, check, depth::Depth};
use sandgate_policy::{
    ContextLimits, ContextName, ContextNumber, File, Interface, Policies, Schema,
};
use sandgate_service::{Document, Registry, Service, Terms};
use std::{fmt::Write, num::NonZeroU32, sync::Arc};

const CRM: &str = include_str!("../../../policies/services/crm.json");
const ASSISTANT: &str = include_str!("../../../policies/assistant/policy.cedar");

/// Services, and a context that may use them.
struct Office {
    registry: Registry,
    policies: Policies,
}

impl Office {
    fn of(context: &str, policy: &str, documents: &[(String, String)]) -> Self {
        let terms = Terms {
            trusted: true,
            ..Terms::default()
        };
        let services: Vec<Service> = documents
            .iter()
            .map(|(name, text)| {
                let document = Document::read(text.as_bytes()).unwrap();
                Service::rehearsed(name, document, &terms)
            })
            .collect();
        let interfaces: Vec<Interface> = services.iter().map(Service::interface).collect();
        let schema = Schema::new(ContextName::new(context).unwrap(), &interfaces).unwrap();
        let file = File {
            name: "policy.cedar",
            text: policy,
        };
        let limits = ContextLimits::of(ContextNumber::Number(NonZeroU32::MIN));
        Self {
            policies: Policies::load(Arc::new(schema), file, &limits).unwrap(),
            registry: Registry::of(services),
        }
    }

    /// The context that ships, with the service that ships.
    fn assistant() -> Self {
        Self::of(
            "assistant",
            ASSISTANT,
            &[("crm".to_owned(), CRM.to_owned())],
        )
    }

    fn check(&self, source: &str) -> CheckReport {
        check(source, &Offered::new(&self.registry, &self.policies))
    }
}

/// Each script with its mistakes and calls, for a person to read.
fn shown(scripts: &[&str], report: impl Fn(&str) -> CheckReport) -> String {
    let mut text = String::new();
    for script in scripts {
        for line in script.lines() {
            writeln!(text, "| {line}").unwrap();
        }
        let CheckReport { mistakes, calls } = report(script);
        for mistake in mistakes {
            let help = mistake
                .help
                .map_or_else(String::new, |help| format!("\n      {help}"));
            let kind = serde_json::to_string(&mistake.kind).unwrap();
            writeln!(
                text,
                "{}:{} {} {}{help}",
                mistake.line,
                mistake.column,
                kind.trim_matches('"'),
                mistake.message
            )
            .unwrap();
        }
        for call in calls {
            let verdicts: Vec<String> = call
                .outlook
                .verdicts
                .iter()
                .map(ToString::to_string)
                .collect();
            writeln!(
                text,
                "{}:{} calls {} ({}): {}",
                call.line,
                call.column,
                call.outlook.method,
                call.outlook.effect,
                verdicts.join(" or ")
            )
            .unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn mistakes_are_found_with_what_to_do_about_them() {
    let office = Office::assistant();
    let scripts = [
        // Not Python.
        "for x in range(3)\n    print(x)",
        "print 'hello'",
        "x = (1,\nprint(x)",
        // Packages.
        "import pandas as pd\nimport json, yaml.nodes",
        "def main():\n    from bs4 import BeautifulSoup\nmain()",
        "if __name__ == '__main__':\n    import numpy",
        // Services.
        "from services import crn",
        "from services import mailbox, ServiceError",
        "import services.crn",
        "import services\nservices.crn.contact_list()",
        "from services.aio import crn as later",
        "crm.contact_list()\ncrm.contact_get(1)",
        "services.crm.contact_list()",
        // Methods.
        "from services import crm\ncrm.contact_lst()",
        "from services import crm\ncrm.frobnicate()",
        "from services.crm import contact_gett",
        "import services.crm as c\nc.contacts()",
        "import services\nservices.CrmClient().contact_ad(name='x')",
        "from services.crm import CrmClient\nclient = CrmClient('localhost')\nclient.deal_delet(id=1)",
        "from crm_client import CrmClient\nclient = CrmClient()\nclient.deal_gets(id=1)",
        // Arguments.
        "from services import crm\ncrm.contact_get()",
        "from services import crm\ncrm.contact_get(1, 2)",
        "from services import crm\ncrm.contact_get(1, id=1)",
        "from services import crm\ncrm.contact_get(idd=1)",
        "from services import crm\ncrm.contact_get(id='one')",
        "from services import crm\ncrm.contact_get(id=None)",
        "from services import crm\ncrm.contact_list(limit=-1, ofset=2)",
        "from services import crm\ncrm.deal_list(stage='wonn')",
        "from services import crm\ncrm.deal_list(*[1], stage='wonn', **{})",
        "from services import crm\ncrm.deal_close(id=1)",
        "from services import crm\ncrm.deal_add('Engine', True, contact_id=1.5)",
        "from services import crm\ncrm.contact_add(name='', email={'at': 1})",
        // Waiting.
        "from services.aio import crm\ncrm.contact_list()",
        "from services.aio import crm\nfor contact in crm.contact_list():\n    pass",
        "from services.aio import crm\nprint(crm.contact_get(1)['name'], crm.contact_get(2).items())",
        "from services.aio import crm\nprint([x for x in crm.contact_list()])",
        "from services import crm\nprint(await crm.contact_list())",
        "from services import crm, aio\nasync def main():\n    await crm.contact_list()\n    aio.crm.contact_list()",
        // Whatever a script is prepared for, it is told of the rest.
        "from services import crm\ntry:\n    crm.contact_get(idd=1)\nexcept Exception:\n    pass",
        "try:\n    import pandas\nexcept ValueError:\n    pass",
        // Columns are characters.
        "from services import crm\nprint('ä𝄞', crm.contact_get(id='x'))",
    ];
    insta::assert_snapshot!(shown(&scripts, |script| office.check(script)));
}

#[test]
fn what_may_be_meant_so_is_no_mistake() {
    let office = Office::assistant();
    for script in [
        // Failures that the script is prepared for.
        "try:\n    import numpy\nexcept ImportError:\n    numpy = None",
        "try:\n    import numpy\nexcept:\n    import pandas",
        "try:\n    import json\nexcept (ModuleNotFoundError, OSError):\n    import simplejson as json\nelse:\n    pass",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import yaml",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pandas import DataFrame\n    from services import crn",
        "import sys\nmatch sys.platform:\n    case 'win32':\n        import psutil",
        "try:\n    from services import crn\nexcept ImportError:\n    crn = None",
        "from services import crm\ntry:\n    crm.contact_lst\nexcept AttributeError:\n    pass",
        "try:\n    crm.contact_list()\nexcept NameError:\n    pass",
        "from . import pandas",
        "import pandas_of_mine, services_of_mine",
        // Names that may mean something else.
        "from services import crm\ncrm = None\ncrm.contact_lst()",
        "from services import crm\ndef f(crm):\n    crm.contact_lst()",
        "from services import crm\nfor crm in []:\n    crm.contact_lst()",
        "from services import crm\nprint([crm.contact_lst() for crm in []])",
        "from services import crm\nwith open('x') as crm:\n    crm.contact_lst()",
        "from services import crm\ntry:\n    pass\nexcept OSError as crm:\n    crm.contact_lst()",
        "from services import crm\nmatch 1:\n    case crm:\n        crm.contact_lst()",
        "from services import crm\nmatch {}:\n    case {**crm}:\n        crm.contact_lst()",
        "from services import crm\nclass crm:\n    pass\ncrm.contact_lst()",
        "from services import crm\nif (crm := 1):\n    crm.contact_lst()",
        "from services import crm\nfrom json import dumps as crm\ncrm.contact_lst()",
        "from services import crm\nimport crm.contact\ncrm.contact_lst()",
        "from services import crm\nfrom helpers import *\ncrm.contact_lst()",
        "from services import crm\ndef f[crm](x: crm):\n    crm.contact_lst()",
        "from services import crm\nexec('crm = 1')\ncrm.contact_lst()",
        "from services import crm\nsetattr(crm, 'contact_lst', 1)\ncrm.contact_lst()",
        "from services import crm\ncrm.contact_lst = 1\ncrm.contact_lst()",
        "from services import crm\ncrm.__dict__['contact_lst'] = 1\ncrm.contact_lst()",
        "import sys, services\nsys.modules['services.crm'] = 1\nservices.crm.contact_lst()",
        "from services import crm\nfrom unittest import mock\ncrm.contact_lst()",
        "from services.crm import CrmClient\nclient = CrmClient()\nclient = object()\nclient.contact_lst()",
        "from services.crm import CrmClient\nclient, other = CrmClient(), 1\nclient.contact_lst()",
        "from services import crm\nfrom services.aio import crm\nawait crm.contact_list()",
        "crm = object()\ncrm.contact_lst()",
        "crm.of_mine()",
        "client = client()\nclient.x()",
        "a = a.b()\na.x()",
        "a = b()\nb = a()\na.x(); b.y()",
        // Values that are not written out, or are sent in another form.
        "from services import crm\nn = 'x'\ncrm.contact_get(id=n)",
        "from services import crm\ncrm.contact_get(id=int('1'))",
        "from services import crm\nargs = [1]\ncrm.contact_get(*args)",
        "from services import crm\ncrm.contact_get(**{'id': 1})",
        "from services import crm\ncrm.deal_add('Engine', *[1, 2])",
        "from services import crm\ncrm.deal_list(None, stage=None)",
        "from services import crm\ncrm.deal_add(title=f'{1}', amount=1_000.0, contact_id=+1)",
        "from services import crm\ncrm.contact_list(limit=-(-1))",
        "from services import crm\ncrm.contact_find('a' 'b')",
        // Coroutines that are awaited elsewhere, and what is at hand at once.
        "from services.aio import crm\nimport asyncio\nprint(await asyncio.gather(crm.contact_get(1), *[crm.contact_get(n) for n in (2, 3)]))",
        "from services.aio import crm\nwaiting = crm.contact_list()\nprint(await waiting)",
        "from services.aio import crm\ncrm.contact_list().close()",
        "from services.aio import crm\nasync def f():\n    return crm.contact_list()",
        "from services import crm\nimport asyncio\nawait asyncio.to_thread(crm.contact_get, 1)",
        "import services\nprint(services.__name__, services.crm.__doc__, dir(services))",
        "from services import *\ncrm.contact_list()",
        "from services.crm import *\ncontact_list(nothing=1)",
        "from services import crm, Refused\nimport services\ntry:\n    crm.contact_list()\nexcept (Refused, services.ServiceError):\n    pass",
    ] {
        assert_eq!(office.check(script).mistakes, [], "{script}");
    }
}

#[test]
fn calls_are_listed_with_what_policies_say_of_them() {
    let office = Office::assistant();
    let scripts = [
        "from services import crm\ncrm.contact_list(limit=5)\ncrm.contact_add(name='Ada')\ncrm.contact_delete(id=1)\ncrm.deal_add('Engine', 1, 1)\ncrm.deal_close(1, True)",
        "import services\nservices.crm.stats_count()",
        "from services.aio import crm as c\nprint(await c.contact_get(1))",
        "from services import CrmClient\nCrmClient().contact_get(1)\nclient = CrmClient()\nclient.contact_get(id=2)",
        "from services.crm import contact_get as get\nget(1)\nprint(list(map(get, [2, 3])))",
        "from services import crm\nfrom concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as pool:\n    print(list(pool.map(crm.contact_get, [1, 2])))",
        "from services import crm\nother = crm\nother.contact_list()",
    ];
    insta::assert_snapshot!(shown(&scripts, |script| office.check(script)));
}

#[test]
fn a_run_in_no_context_has_no_services_and_one_that_may_use_nothing_is_shown_nothing() {
    let scripts = [
        "from services import crm\ncrm.contact_lst()",
        "print(1 + 1)",
        "import services\nservices.crm.contact_list()",
    ];
    insta::assert_snapshot!(shown(&scripts, |script| check(script, &Offered::nothing())));
    let may_nothing = r#"@because("Nobody may.") forbid (principal, action, resource);"#;
    let documents = [("crm".to_owned(), CRM.to_owned())];
    let office = Office::of("nobody", may_nothing, &documents);
    let report = office.check("from services import crm");
    let help = report
        .mistakes
        .iter()
        .map(|mistake| mistake.help.as_deref());
    assert_eq!(help.collect::<Vec<_>>(), [Some("there are none")]);
}

#[test]
fn a_source_of_any_depth_is_read_or_refused_on_a_small_stack() {
    let depths = |levels: usize| {
        [
            format!("{}1{}", "(".repeat(levels), ")".repeat(levels)),
            format!("{}1", "-".repeat(levels)),
            format!("{}1", "not ".repeat(levels)),
            format!("x = {}1", "lambda a, b: ".repeat(levels)),
            format!("{}1", "x if y else ".repeat(levels)),
            format!("1{}", "+1".repeat(levels)),
            format!("x{}", ".y".repeat(levels)),
            format!("x{}", "()".repeat(levels)),
            format!("x{}", "[0]".repeat(levels)),
            format!("{}1{}", "[1, ".repeat(levels), "]".repeat(levels)),
            format!("{}1{}", "{1: ".repeat(levels), "}".repeat(levels)),
            format!("{}1{}", "f(a, b=".repeat(levels), ")".repeat(levels)),
            (0..levels)
                .map(|level| format!("{}if x:\n", " ".repeat(level)))
                .collect::<String>()
                + &format!("{}pass", " ".repeat(levels)),
            format!(
                "match x:\n case {}1{}: pass",
                "[".repeat(levels),
                "]".repeat(levels)
            ),
        ]
    };
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let read = small.spawn(move || {
        for (at, source) in depths(450).iter().enumerate() {
            let report = check(source, &Offered::nothing());
            assert_eq!(report.mistakes, [], "{at}");
        }
        for (at, source) in depths(Depth::MOST + 1).iter().enumerate() {
            let report = check(source, &Offered::nothing());
            let messages: Vec<&str> = report
                .mistakes
                .iter()
                .map(|mistake| mistake.message.as_str())
                .collect();
            let expected = "the script nests more than 1000 levels deep, so it is not checked";
            assert_eq!(messages, [expected], "{at}");
        }
        // What is long is not deep.
        let long = format!(
            "x = {{{}}}\ny = [{}]",
            "'a': (1, 2), ".repeat(9_000),
            "1 + f(x), ".repeat(9_000)
        );
        assert_eq!(check(&long, &Offered::nothing()).mistakes, []);
    });
    read.unwrap().join().unwrap();
}
