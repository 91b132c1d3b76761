//! Whoever is asked at a client of MCP, in every way in which they can be and with everything that they can do: both eras of the
//! protocol, by a form, at the desk, or not at all.

use super::{
    Session,
    asking::{accepts, asked_by, gated},
    initialize,
};
use crate::{
    serve::{
        Server,
        desk::{ask, person},
    },
    support::{desk::Desk, without_names},
};
use serde_json::{Value, json};
use std::fmt::Write;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Era {
    Modern,
    Legacy,
}

/// What a client can do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Form,
    Url,
    None,
}

/// What is done there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    /// The person agrees, in the form or at the desk.
    Approves,
    /// The person does not, there.
    Rejects,
    /// The person does not want to be asked.
    Declines,
    /// The person puts it off.
    Cancels,
    /// Nobody says anything until the client is gone.
    NeverAnswers,
    /// The same answer arrives twice.
    AnswersTwice,
    /// The answer comes by another session of the same agent.
    AnswersElsewhere,
    /// The answer comes from another agent.
    AnotherAnswers,
}

const ERAS: [Era; 2] = [Era::Modern, Era::Legacy];
const MODES: [Mode; 3] = [Mode::Form, Mode::Url, Mode::None];
const ACTS: [Act; 8] = [
    Act::Approves,
    Act::Rejects,
    Act::Declines,
    Act::Cancels,
    Act::NeverAnswers,
    Act::AnswersTwice,
    Act::AnswersElsewhere,
    Act::AnotherAnswers,
];

/// A client before the server, and a person at the desk.
struct Scene<'d> {
    desk: &'d Desk,
    server: &'d Server,
    ada: &'d str,
    mode: Mode,
    act: Act,
    code: String,
}

/// What came of a call, in a word where the whole text is one that is known.
fn word(answer: &Value) -> String {
    if let Some(error) = answer.get("error") {
        return format!("{}: {}", error["code"], error["message"].as_str().unwrap());
    }
    let result = &answer["result"];
    if result["resultType"] == "input_required" {
        return "asked".to_owned();
    }
    let text = without_names(result["content"][0]["text"].as_str().unwrap());
    let known = [
        ("added\n", "made"),
        ("status: ok\nadded\ncrm.contact.add: made\n", "made"),
        (
            "waiting for approval: the run waits for approval\ncrm.contact.add: waits for approval\nrun: NAME. A person has to approve first. Tell the user; do not run the script again. get_run says what came of it.\n",
            "waits",
        ),
        (
            "status: awaiting_approval\ncrm.contact.add: waits\nA person has to approve first. Tell the user; do not run the script again. get_run says what came of it.\n",
            "waits",
        ),
    ];
    let known = known.iter().find(|(whole, _)| text == *whole);
    match known {
        Some((_, word)) => (*word).to_owned(),
        None if text.contains("`crm.contact.add` was declined; ") => "refused".to_owned(),
        None => text,
    }
}

impl Scene<'_> {
    fn session(&self, actor: Option<&str>) -> Session {
        let mut command = gated(self.desk);
        command.args([
            "--desk-url",
            &format!("http://{}", self.server.desk.as_ref().unwrap()),
        ]);
        if let Some(actor) = actor {
            command.args(["--actor", actor]);
        }
        Session::start(command)
    }

    fn capabilities(&self) -> Value {
        match self.mode {
            Mode::Form => json!({"form": {}}),
            Mode::Url => json!({"url": {}}),
            Mode::None => Value::Null,
        }
    }

    /// What the client says that its person did.
    fn response(&self) -> Value {
        match (self.act, self.mode) {
            (Act::Declines, _) => json!({"action": "decline"}),
            (Act::Cancels, _) => json!({"action": "cancel"}),
            (_, Mode::Url) => json!({"action": "accept"}),
            (Act::Rejects, _) => accepts(json!({"call_2": "reject"})),
            _ => accepts(json!({"call_2": "approve"})),
        }
    }

    /// What the person does at the desk, where the client has sent them there.
    fn at_desk(&self, said: &mut Vec<String>) {
        let times = match self.act {
            _ if self.mode != Mode::Url => 0,
            Act::AnswersTwice => 2,
            Act::Approves | Act::Rejects | Act::AnswersElsewhere => 1,
            _ => 0,
        };
        let method = match self.act {
            Act::Rejects => "desk.reject",
            _ => "desk.approve",
        };
        let waits = ask(self.server, self.ada, "desk.approvals", json!({}));
        // The newest: the others are of cells in which nobody answered.
        let waits = waits["approvals"].as_array().unwrap();
        let id = waits
            .iter()
            .map(|one| &one["approval"])
            .max_by_key(|id| id.to_string());
        for _ in 0..times {
            let answers = ask(self.server, self.ada, method, json!({"approvals": [id]}));
            let answer = &answers["answers"][0];
            if let Some(error) = answer.get("error") {
                // The run may have gone on by then.
                let error = error.as_str().unwrap().replace("is spent", "is approved");
                said.push(format!("the desk: {error}"));
            }
        }
    }

    fn call(&self) -> Value {
        json!({"name": "execute_code", "arguments": {"code": self.code}})
    }

    fn modern(&self) -> Vec<String> {
        let params = |mut params: Value, asked: Option<&Value>| {
            if let Some(asked) = asked {
                params["requestState"] = asked["result"]["requestState"].clone();
                params["inputResponses"] = json!({"approval": self.response()});
            }
            asked_by(params, self.capabilities())
        };
        let mut session = self.session(None);
        session.request("tools/call", params(self.call(), None));
        let asked = session.hear();
        let mut said = vec![word(&asked)];
        // A client that nobody asked may still make something up.
        let made_up = json!({"result": {"requestState": "made up"}});
        let asked = if said[0] == "asked" { asked } else { made_up };
        let mut other = match self.act {
            Act::NeverAnswers => {
                session.end_quietly();
                return said;
            }
            Act::AnswersElsewhere => Some(self.session(None)),
            Act::AnotherAnswers => Some(self.session(Some("other"))),
            _ => None,
        };
        let times = if self.act == Act::AnswersTwice { 2 } else { 1 };
        for _ in 0..times {
            let answering = other.as_mut().unwrap_or(&mut session);
            answering.request("tools/call", params(self.call(), Some(&asked)));
            if said[0] == "asked" && said.len() == 1 {
                self.at_desk(&mut said);
            }
            said.push(word(&answering.hear()));
        }
        session.end_quietly();
        if let Some(other) = other {
            other.end_quietly();
        }
        said
    }

    fn legacy(&self) -> Vec<String> {
        let begun = |actor: Option<&str>| {
            let mut session = self.session(actor);
            let mut params = initialize("2025-11-25");
            if self.mode != Mode::None {
                params["capabilities"] = json!({"elicitation": self.capabilities()});
            }
            session.ask("initialize", params);
            session.tell("notifications/initialized", json!({}));
            session
        };
        let mut session = begun(None);
        let request = session.request("tools/call", self.call());
        let mut said = Vec::new();
        let heard = session.hear();
        let reply = json!({"jsonrpc": "2.0", "id": heard["id"], "result": self.response()});
        let reply = reply.to_string();
        if heard["id"] == request && heard.get("method").is_none() {
            // Nobody was asked; what the client says all the same is no answer.
            said.push(word(&heard));
            session.line(reply.as_bytes());
            session.end_quietly();
            return said;
        }
        assert_eq!(heard["method"], "elicitation/create", "{heard}");
        said.push("asked".to_owned());
        match self.act {
            Act::NeverAnswers => {}
            Act::AnswersElsewhere | Act::AnotherAnswers => {
                let actor = (self.act == Act::AnotherAnswers).then_some("other");
                let mut other = begun(actor);
                other.line(reply.as_bytes());
                // It has been read once the next thing is answered.
                other.ask("ping", json!({}));
                other.end_quietly();
            }
            _ => {
                for _ in 0..if self.act == Act::AnswersTwice { 2 } else { 1 } {
                    session.line(reply.as_bytes());
                }
                self.at_desk(&mut said);
                loop {
                    let heard = session.hear();
                    if heard["id"] == request {
                        said.push(word(&heard));
                        break;
                    }
                    said.push(heard["method"].as_str().unwrap().to_owned());
                }
            }
        }
        let (code, _, complaints) = session.end();
        assert_eq!((code, complaints.as_str()), (0, ""));
        said
    }
}

#[test]
fn apr_04_however_a_client_asks_its_person_and_whatever_they_do_a_call_is_made_once_or_not_at_all()
{
    let desk = Desk::open();
    let server = Server::start(&desk, &desk.policies(), &["--desk", "127.0.0.1:0"]);
    let ada = person(&desk, "ada", "gated");
    let mut table = String::new();
    let mut cells = 0;
    for era in ERAS {
        for mode in MODES {
            for act in ACTS {
                cells += 1;
                let scene = Scene {
                    desk: &desk,
                    server: &server,
                    ada: &ada,
                    mode,
                    act,
                    code: format!(
                        "from services import crm\ncrm.contact_add(name='N{cells}', email='n{cells}@example.org')\nprint('added')"
                    ),
                };
                let before = desk.contacts();
                let said = match era {
                    Era::Modern => scene.modern(),
                    Era::Legacy => scene.legacy(),
                };
                let made = desk.contacts() - before;
                let (era, mode, act) =
                    (format!("{era:?}"), format!("{mode:?}"), format!("{act:?}"));
                writeln!(
                    table,
                    "{era:6} {mode:4} {act:16} {made} made  {}",
                    said.join("; ")
                )
                .unwrap();
            }
        }
    }
    server.end_quietly();
    insta::assert_snapshot!(table);
}

/// What a client that has these ways is asked by a server that knows where a desk is.
fn asked(code: &str, limits: &str, elicitation: Value, desk_url: Option<&str>) -> Value {
    let desk = Desk::open();
    desk.limit(limits);
    let mut command = gated(&desk);
    if let Some(url) = desk_url {
        command.args(["--desk-url", url]);
    }
    let mut session = Session::start(command);
    let call = json!({"name": "execute_code", "arguments": {"code": code}});
    let mut result = session.ask("tools/call", asked_by(call, elicitation));
    session.end_quietly();
    result["inputRequests"]["approval"]["params"].take()
}

const ADD: &str =
    "from services import crm\ncrm.contact_add(name='Ada \\u202e', email='ada@example.org')";
const REMOVE: &str = "from services import crm\ncrm.contact_delete(id=1)";
const MANY: &str = "import asyncio\nfrom services.aio import crm\nasync def main():\n    await asyncio.gather(*(crm.company_add(name=str(n)) for n in range(9)))\nasyncio.run(main())";

#[test]
fn whoever_may_not_be_asked_by_a_form_is_sent_to_the_desk() {
    let url = Some("https://desk.example.org");
    let both = || json!({"form": {}, "url": {}});
    let params = asked(REMOVE, "", both(), url);
    let id = params["elicitationId"].as_str().unwrap();
    assert_eq!(
        params,
        json!({
            "mode": "url", "elicitationId": id, "url": format!("https://desk.example.org/#question-{id}"),
            "message": "A script in the context gated waits for a person's approval: crm.contact.delete. Nothing of it was sent. The desk shows each call whole, and takes your answer."
        })
    );
    let mode = |code: &str, limits: &str, elicitation: Value| {
        asked(code, limits, elicitation, url)["mode"].clone()
    };
    // A form, where one may ask and can be shown.
    assert_eq!(mode(ADD, "", both()), "form");
    assert_eq!(mode(ADD, "", json!({"url": {}})), "url");
    assert_eq!(mode(ADD, "approval_in_band = \"url\"\n", both()), "url");
    assert_eq!(mode(ADD, "approvers = [\"boss\"]\n", both()), "url");
    assert_eq!(mode(ADD, "approvals = 2\n", both()), "url");
    assert_eq!(mode(MANY, "", both()), "url");
    assert_eq!(
        mode(REMOVE, "approval_in_band = \"form\"\n", both()),
        "form"
    );
    // Nobody, where the context or the client does not let it, or nobody knows where a desk is.
    assert_eq!(
        mode(REMOVE, "approval_in_band = \"off\"\n", both()),
        Value::Null
    );
    assert_eq!(
        mode(ADD, "approval_in_band = \"form\"\n", json!({"url": {}})),
        Value::Null
    );
    assert_eq!(
        mode(ADD, "approval_in_band = \"url\"\n", json!({"form": {}})),
        Value::Null
    );
    assert_eq!(asked(REMOVE, "", both(), None), Value::Null);
}

#[test]
fn a_run_that_waits_again_is_asked_about_again_at_the_desk() {
    let desk = Desk::open();
    desk.limit("approval_in_band = \"url\"\n");
    let server = Server::start(&desk, &desk.policies(), &["--desk", "127.0.0.1:0"]);
    let ada = person(&desk, "ada", "gated");
    let approve = || {
        let waits = ask(&server, &ada, "desk.approvals", json!({}));
        let id = &waits["approvals"][0]["approval"];
        ask(&server, &ada, "desk.approve", json!({"approvals": [id]}));
        id.clone()
    };
    let mut command = gated(&desk);
    command.args([
        "--desk-url",
        &format!("http://{}", server.desk.as_ref().unwrap()),
    ]);
    let mut session = Session::start(command);
    let code = "from services import crm\nfor name in 'AB':\n    crm.company_add(name=name)\nprint('added')";
    let mut params = json!({"name": "execute_code", "arguments": {"code": code}});
    let mut asked_about = Vec::new();
    loop {
        session.request("tools/call", asked_by(params.clone(), json!({"url": {}})));
        if params.get("requestState").is_some() {
            asked_about.push(approve());
        }
        let answer = session.hear();
        if word(&answer) != "asked" {
            let text = answer["result"]["content"][0]["text"].as_str().unwrap();
            assert!(text.contains("added\n"), "{answer}");
            break;
        }
        params["requestState"] = answer["result"]["requestState"].clone();
        params["inputResponses"] = json!({"approval": {"action": "accept"}});
    }
    assert_eq!(asked_about.len(), 2);
    assert_ne!(asked_about[0], asked_about[1]);
    session.end_quietly();
    server.end_quietly();
}
