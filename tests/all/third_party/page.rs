//! The page of the desk in a browser: a person sees what waits, whole and as text, and answers it; a page of somebody else cannot.

use super::browser::Browser;
use crate::{
    serve::{Server, token_of},
    support::desk::Desk,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

/// What would be seen if any of it were taken for markup, wherever it stands.
const MARKUP: &str =
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";

/// A reason that somebody else wrote as well.
const POLICY: &str = "@because(\"A <b>person</b> looks <img src=x onerror=alert(1)> first.\")\n@gate(\"approve\")\npermit (principal in Context::\"gated\", action, resource == Service::\"crm\");\n";

fn open(desk: &Desk) -> (Server, String) {
    fs::write(desk.policies().join("gated/policy.cedar"), POLICY).unwrap();
    let server = Server::start(desk, &desk.policies(), &["--desk", "127.0.0.1:0"]);
    let place = server.desk.clone().unwrap();
    (server, format!("http://{place}/"))
}

fn person(desk: &Desk) -> String {
    let arguments = ["--desk", "--user", "ada", "--context", "gated"];
    token_of(desk, &desk.policies(), &arguments)
}

fn add(name: &str) -> String {
    format!(
        "from services import crm\nprint(crm.contact_add(name={}, email='ada@example.org')['id'])",
        json!(name)
    )
}

/// How many elements of the page the selector names; nothing is waited for.
fn count(browser: &Browser, selector: &str) -> Value {
    browser.evaluate(&format!(
        "return document.querySelectorAll({}).length",
        json!(selector)
    ))
}

#[test]
fn apr_04_a_person_answers_at_the_page_of_the_desk() {
    let desk = Desk::open();
    let (server, page) = open(&desk);
    let parked = server.execute(&add(MARKUP));
    assert_eq!(parked["status"], "awaiting_approval", "{parked}");
    let browser = Browser::open();
    browser.go(&page);
    // Nobody sees anything who has no token.
    assert_eq!(count(&browser, ".question"), 0);
    browser.write("#token", &person(&desk));
    browser.click("#enter button");

    // THREAT[APR-03]: all of the call is there, and all of it is text.
    assert_eq!(browser.text(".question h3"), "crm.contact.add");
    let params = json!({"email": "ada@example.org", "name": MARKUP});
    assert_eq!(browser.text(".question pre"), params.to_string());
    let all = browser.text(".question");
    let run = parked["run"].as_str().unwrap();
    assert!(
        all.contains(&format!("changes something; asked by script in gated, script.py, run {run}\nA <b>person</b> looks <img src=x onerror=alert(1)> first.\nuntil ")),
        "{all}"
    );
    assert_eq!(count(&browser, "img, .question script, .question b"), 0);
    assert_eq!(
        browser.evaluate("return document.title"),
        "(1) sandgate: the desk"
    );
    assert_eq!(browser.text("#person"), "ada");

    browser.click(".question .approve");
    let row = browser.text("#runs tr.ok");
    assert!(
        row.ends_with(&format!(" gated script ok 1 1 0 {run}")),
        "{row}"
    );
    assert_eq!(browser.text("#notice"), "crm.contact.add: approved");
    assert_eq!(browser.text("#approvals"), "Nothing waits.");
    assert_eq!(desk.contacts(), 8);

    // Another one; the page finds it by itself, and the script is told why not.
    let parked = server.execute(&add("Eve"));
    browser.write(".question input", "not <i>now</i>");
    browser.click(".question .reject");
    let row = browser.text("#runs tr.raised");
    let run = parked["run"].as_str().unwrap();
    assert!(
        row.ends_with(&format!(" gated script raised 1 0 1 {run}")),
        "{row}"
    );
    assert_eq!(browser.text("#notice"), "crm.contact.add: rejected");
    let result = server.ask("get_run", json!({"run": run}));
    let traceback = result["exception"]["traceback"].as_str().unwrap();
    assert!(traceback.contains("not <i>now</i>"), "{traceback}");
    assert_eq!(desk.contacts(), 8);

    // Whoever is sent here with a question is shown which.
    server.execute(&add("Bob"));
    let parked = server.execute(&add("Cleo"));
    let question = parked["approvals"][0].as_str().unwrap();
    browser.go(&format!("{page}#question-{question}"));
    let wanted = json!({"email": "ada@example.org", "name": "Cleo"});
    assert_eq!(browser.text(".question.wanted pre"), wanted.to_string());
    assert_eq!(count(&browser, ".question.wanted"), 1);
    assert_eq!(count(&browser, ".question"), 2);

    // The token is this tab's, until somebody leaves.
    browser.go("about:blank");
    browser.go(&page);
    assert_eq!(browser.text(".question h3"), "crm.contact.add");
    assert_eq!(browser.text("#person"), "ada");
    browser.click("#leave");
    assert_eq!(browser.evaluate("return sessionStorage.length"), 0);
    browser.go(&page);
    assert_eq!(
        browser.evaluate("return document.getElementById('desk').hidden"),
        true
    );
    server.end_quietly();
}

#[test]
fn web_01_a_page_of_another_origin_cannot_approve() {
    let desk = Desk::open();
    let (server, page) = open(&desk);
    let parked = server.execute(&add("Ada"));
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "desk.approve",
        "params": {"approvals": parked["approvals"]}
    });
    let token = person(&desk);
    let browser = Browser::open();
    // Somebody sits at the desk in the same browser.
    browser.go(&page);
    browser.write("#token", &token);
    browser.click("#enter button");
    assert_eq!(browser.text(".question h3"), "crm.contact.add");

    let other = foreign_page();
    browser.go(&other);
    // Even one that has got hold of a token.
    let asked = |options: &str| {
        browser.evaluate(&format!(
            "return fetch({}, {{method: 'POST', body: {}, {options}}}).then(response => response.type, error => error.name)",
            json!(format!("{page}rpc")),
            json!(body.to_string())
        ))
    };
    let headers =
        json!({"Content-Type": "application/json", "Authorization": format!("Bearer {token}")});
    assert_eq!(asked(&format!("headers: {headers}")), "TypeError");
    // What a browser sends without asking first arrives, is refused, and cannot be read.
    assert_eq!(asked("mode: 'no-cors', credentials: 'include'"), "opaque");
    assert_eq!(
        browser.evaluate("return sessionStorage.length"),
        0,
        "the token is the desk's page's"
    );
    // Nor can it put the desk's page into its own, for somebody to click at.
    browser.evaluate(&format!(
        "const frame = document.createElement('iframe'); frame.src = {}; return new Promise(done => {{ frame.onload = done; document.body.append(frame); }}).then(() => null)",
        json!(page)
    ));
    browser.enter_frame();
    assert_eq!(count(&browser, "#enter"), 0);

    assert_eq!(desk.contacts(), 7);
    let waits = server.ask("get_run", json!({"run": parked["run"]}));
    assert_eq!(waits["status"], "awaiting_approval");
    server.end_quietly();
}

fn answer_page(mut stream: BufReader<TcpStream>) {
    let mut line = String::new();
    while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    let page = "<!doctype html><title>other</title><body>";
    let _ = write!(
        stream.get_mut(),
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
}

/// A page of somebody else, at another port of this machine.
fn foreign_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A browser may open one more and say nothing on it.
            std::thread::spawn(move || answer_page(BufReader::new(stream)));
        }
    });
    format!("http://{at}/")
}
