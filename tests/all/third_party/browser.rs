//! A browser without a screen, driven over WebDriver: Debian's `chromium` and `chromium-driver`. Nothing here waits for ever. Every
//! request has a time by which it is answered; what a page is to show is waited for by the driver.
//!
//! Three things make whoever drives it carelessly hang. A driver that is told to log nothing does not say where it listens either.
//! The browser inherits the driver's connections, so that an answer has to be read by its length: its end never comes, whatever
//! `Connection` says. And it outlives a driver that is killed, with whatever pipe it inherited, so all of its group is ended.

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// A request that takes longer is a fault.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a page does not show by then it does not show.
const APPEARS: Duration = Duration::from_secs(30);
/// How WebDriver names an element among the fields of a value.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        kill_process_group(Pid::from_child(&self.driver), Signal::KILL).unwrap();
        self.driver.wait().unwrap();
    }
}

impl Browser {
    pub(crate) fn open() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", profile.path())
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is there: apt-get install chromium chromium-driver");
        let said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let (found, port) = mpsc::channel();
        std::thread::spawn(move || {
            for line in said.map_while(Result::ok) {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    // Nobody waits for it any more.
                    let _ = found.send(port.trim_end_matches('.').parse());
                }
            }
        });
        let mut browser = Self {
            driver,
            port: 0,
            session: String::new(),
            _profile: profile,
        };
        browser.port = port.recv_timeout(PATIENCE).unwrap().unwrap();
        // Whoever runs tests may be root, and may have no shared memory.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-first-run",
            "--lang=en",
        ];
        let timeouts = json!({
            "implicit": millis(APPEARS), "pageLoad": millis(APPEARS), "script": millis(APPEARS)
        });
        let always = json!({"timeouts": timeouts, "goog:chromeOptions": {"args": arguments}});
        let session = browser.ask(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": always}}),
        );
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    pub(crate) fn go(&self, url: &str) {
        self.command("POST", "url", &json!({"url": url}));
    }

    /// The text that an element shows, once there is one.
    pub(crate) fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        let text = self.command("GET", &format!("element/{element}/text"), &Value::Null);
        text.as_str().unwrap().to_owned()
    }

    pub(crate) fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.command("POST", &format!("element/{element}/click"), &json!({}));
    }

    pub(crate) fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.command(
            "POST",
            &format!("element/{element}/value"),
            &json!({"text": text}),
        );
    }

    /// Goes on in the first frame of the page.
    pub(crate) fn enter_frame(&self) {
        self.command("POST", "frame", &json!({"id": 0}));
    }

    /// What a script of the page comes to, which may be a promise.
    pub(crate) fn evaluate(&self, script: &str) -> Value {
        self.command(
            "POST",
            "execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    fn element(&self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.command("POST", "element", &wanted);
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, &format!("/session/{}/{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = None;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().ok();
                }
                Some(_) => {}
                None if line.starts_with("HTTP/") => {}
                None => break,
            }
        }
        let mut answer = vec![0; length.expect("an answer has a length")];
        reader.read_exact(&mut answer).unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        let error = answer["value"]
            .get("error")
            .filter(|error| error.is_string());
        assert_eq!(error, None, "{path} {body}: {}", answer["value"]["message"]);
        answer["value"].take()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}
