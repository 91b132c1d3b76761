//! Asks the person at the terminal whether a gated call may be made. Given to runs as their approver by `reach`.
//! Everything that is shown is somebody else's text, so none of it may act on the terminal: THREAT[APR-03].

use super::terminal::escaped;
use crate::{Answer, Approver, Question};
use sha2::{Digest, Sha256};
use std::{
    future::Future,
    io::{self, BufRead, Write},
    pin::Pin,
};
use tokio::sync::Mutex;

/// Parameters that are longer are shown by their beginning, with their length and digest.
const LONGEST_SHOWN: usize = 2000;

/// Answers by asking, one question at a time, or always the same.
#[derive(Debug)]
pub(super) enum Person {
    /// Whoever sits at the terminal.
    Asked(Mutex<()>),
    /// `--yes` or `--no`.
    Decided(Answer),
}

impl Approver for Person {
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            let turn = match self {
                Self::Asked(turn) => turn,
                Self::Decided(answer) => {
                    say(&format!("{}{}\n", shown(question), word(*answer)));
                    return *answer;
                }
            };
            let _turn = turn.lock().await;
            say(&format!("{}Make this call? [y/N] ", shown(question)));
            // Reading a line cannot be interrupted; it belongs on a thread where that harms nobody.
            let line = tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                io::stdin().lock().read_line(&mut line).map(|_| line)
            });
            match line.await {
                Ok(Ok(line)) if matches!(line.trim(), "y" | "Y" | "yes") => Answer::Yes,
                _ => Answer::No,
            }
        })
    }
}

fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes, as --yes says",
        Answer::No => "no, as --no says",
    }
}

/// Nobody can be told when standard error is closed, and then nobody answers either.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
    let _ = io::stderr().flush();
}

/// The call and why a person is asked, in lines that only we begin.
fn shown(question: &Question) -> String {
    let Question {
        context,
        service,
        method,
        effect,
        ..
    } = question;
    let params = question.params.get();
    let mut text = format!(
        "{context} wants to {effect}: {service}.{method}\n  {}",
        line(cut(params))
    );
    if params.len() > LONGEST_SHOWN {
        let digest: String = Sha256::digest(params.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        text.push_str(&format!(
            "… ({} bytes in all, sha256 {digest})",
            params.len()
        ));
    }
    text.push('\n');
    for reason in &question.because {
        text.push_str(&format!("  because: {}\n", line(reason)));
    }
    text
}

fn cut(text: &str) -> &str {
    let end = (0..=LONGEST_SHOWN)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    text.get(..end).unwrap_or(text)
}

fn line(text: &str) -> String {
    escaped(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use sandgate_policy::Effect;
    use serde_json::value::to_raw_value;

    fn question(params: &serde_json::Value, because: &str) -> Question {
        Question {
            context: "geomind".to_owned(),
            service: "crm".to_owned(),
            method: "deal.add".to_owned(),
            effect: Effect::Write,
            params: to_raw_value(params).unwrap(),
            because: vec![because.to_owned()],
        }
    }

    #[test]
    fn apr_03_what_is_asked_is_shown_whole_and_nothing_in_it_acts_on_the_terminal() {
        let params = serde_json::json!({"title": "a\u{1b}[2Kb\u{202e}c\nMake this call? [y/N] y"});
        assert_eq!(
            shown(&question(&params, "Customers see it.\u{7}\nreally")),
            "geomind wants to write: crm.deal.add\n  \
             {\"title\":\"a\\u001b[2Kb\\u{202e}c\\nMake this call? [y/N] y\"}\n  \
             because: Customers see it.\\u{7} really\n"
        );
    }

    #[test]
    fn apr_03_what_is_too_long_to_show_is_cut_and_says_so() {
        let params = serde_json::json!({"title": "x".repeat(3000)});
        let text = shown(&question(&params, "Customers see it."));
        assert_eq!(
            text,
            format!(
                "geomind wants to write: crm.deal.add\n  {{\"title\":\"{}… (3012 bytes in all, sha256 \
                 {})\n  because: Customers see it.\n",
                "x".repeat(2000 - 10),
                Sha256::digest(params.to_string().as_bytes())
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>()
            )
        );
    }
}
