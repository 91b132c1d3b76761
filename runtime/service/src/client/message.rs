//! The two messages of a call: the one request object, made here from a method and parameters that were decided, and
//! the reply, of which nothing is believed. Called by `client`; it must never look at what a result means.

use crate::{
    client::{
        clean::Cleaner,
        failure::{CallError, Part, ProtocolError, ServiceError},
    },
    json::depth,
};
use hyper::body::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// THREAT[DOS-08]: below what JSON readers on the way to the script accept. The object around a result is not counted.
const DEEPEST: usize = 64;
/// 128 random bits in hexadecimal.
const ID: usize = 32;

/// One request, ready to be written, as often as it takes until one byte of it is.
#[derive(Debug)]
pub(crate) struct RpcRequest {
    pub(crate) id: RequestId,
    line: Bytes,
}

impl RpcRequest {
    /// THREAT[POL-05]: one object around parameters that are valid JSON by their type, and around a method that is
    /// escaped. No method or parameter can end the object and begin another. The parameters are sent byte by byte as
    /// they were decided.
    pub(crate) fn new(method: &str, params: &RawValue, longest: usize) -> Result<Self, CallError> {
        let too_long = CallError::TooLong {
            part: Part::Request,
            limit: longest,
        };
        let params = params.get();
        // A line break inside JSON is only ever between its tokens; on a socket of lines it would end the request.
        if !params.starts_with(['{', '[']) || params.contains(['\n', '\r']) {
            return Err(CallError::Parameters);
        }
        let id = unguessable()?;
        let mut body = Vec::with_capacity(params.len().min(longest) + method.len() + 96);
        body.extend_from_slice(br#"{"jsonrpc":"2.0","id":""#);
        body.extend_from_slice(&id);
        body.extend_from_slice(br#"","method":"#);
        serde_json::to_writer(&mut body, method).map_err(|_| CallError::Parameters)?;
        body.extend_from_slice(br#","params":"#);
        if body.len() + params.len() >= longest {
            return Err(too_long);
        }
        body.extend_from_slice(params.as_bytes());
        body.extend_from_slice(b"}\n");
        Ok(Self {
            id: RequestId(id),
            line: body.into(),
        })
    }

    /// The object, and the line break that ends it where messages are lines.
    pub(crate) fn line(&self) -> Bytes {
        self.line.clone()
    }

    /// The object alone.
    pub(crate) fn object(&self) -> Bytes {
        self.line.slice(..self.line.len() - 1)
    }
}

/// What a reply has to carry. THREAT[SVC-03], THREAT[ISO-03]: nobody can answer what they were not asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId([u8; ID]);

fn unguessable() -> Result<[u8; ID], CallError> {
    let mut random = [0; ID / 2];
    getrandom::fill(&mut random)
        .map_err(|error| CallError::Connect(format!("no random bytes: {error}")))?;
    let mut id = [0; ID];
    hex::encode_to_slice(random, &mut id)
        .map_err(|error| CallError::Connect(format!("no id: {error}")))?;
    Ok(id)
}

/// The members of a reply. A member that JSON-RPC does not know is passed over; one that it knows and that comes
/// twice is an error.
#[derive(Deserialize)]
struct RpcReply<'a> {
    #[serde(default, borrow)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    code: i64,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(default, borrow, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

/// `null` is a value too: a result may be `null`.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

impl RequestId {
    /// The result in a reply, or why there is none. Numbers stay as they are written, however large or precise:
    /// what reads the result decides what it can hold.
    pub(crate) fn result_of(
        &self,
        reply: &[u8],
        cleaner: &Cleaner<'_>,
    ) -> Result<Box<RawValue>, CallError> {
        let text = std::str::from_utf8(reply).map_err(|_| ProtocolError::NotUtf8)?;
        if text.starts_with('\u{feff}') {
            return Err(ProtocolError::ByteOrderMark.into());
        }
        // The reader would take a list for an object, member by member.
        if !text.trim_ascii_start().starts_with('{') {
            let what = if text.trim_ascii_start().starts_with('[') {
                "it is a list"
            } else {
                "it does not begin with `{`"
            };
            return Err(ProtocolError::Malformed(what.to_owned()).into());
        }
        if depth(text) > DEEPEST + 1 {
            return Err(ProtocolError::TooDeep(DEEPEST).into());
        }
        let reply: RpcReply<'_> = serde_json::from_str(text)
            .map_err(|error| ProtocolError::Malformed(error.to_string()))?;
        if text.contains(r"\u") && half_character(text) {
            return Err(ProtocolError::HalfCharacter.into());
        }
        if reply
            .jsonrpc
            .is_none_or(|version| version.get() != r#""2.0""#)
        {
            return Err(ProtocolError::Version.into());
        }
        if reply.id.is_none_or(|id| !self.is(id.get())) {
            return Err(ProtocolError::Id.into());
        }
        match (reply.result, reply.error) {
            (Some(result), None) => Ok(result.to_owned()),
            (None, Some(error)) => Err(service_error(error.get(), cleaner)),
            (Some(_), Some(_)) => Err(ProtocolError::Both.into()),
            (None, None) => Err(ProtocolError::Neither.into()),
        }
    }

    /// Equal by type and by value: a text, and this text.
    fn is(&self, json: &str) -> bool {
        json.as_bytes()
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            == Some(&self.0)
    }
}

fn service_error(json: &str, cleaner: &Cleaner<'_>) -> CallError {
    let object = json.starts_with('{').then(|| serde_json::from_str(json));
    match object {
        Some(Ok(ErrorObject {
            code,
            message,
            data,
        })) => CallError::Service(Box::new(ServiceError {
            code,
            message: cleaner.text(&message),
            data: data.and_then(|data| cleaner.data(data)),
        })),
        _ => ProtocolError::Error.into(),
    }
}

/// Whether valid JSON writes one half of a surrogate pair without the other.
fn half_character(json: &str) -> bool {
    let mut bytes = json.bytes();
    let mut first_half = false;
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next() } else { None };
        let unit = (escaped == Some(b'u')).then(|| {
            bytes.by_ref().take(4).fold(0, |unit, digit| {
                unit << 4 | char::from(digit).to_digit(16).unwrap_or_default()
            })
        });
        match (first_half, unit) {
            (false, Some(0xD800..=0xDBFF)) => first_half = true,
            (true, Some(0xDC00..=0xDFFF)) => first_half = false,
            (true, _) | (false, Some(0xDC00..=0xDFFF)) => return true,
            (false, _) => {}
        }
    }
    false
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    /// What comes of a reply in which `ID` stands for the id that was sent.
    fn read(reply: &str) -> Result<String, String> {
        let id = RpcRequest::new("a", &raw("{}"), 1000).unwrap().id;
        let text = std::str::from_utf8(&id.0).unwrap();
        id.result_of(
            reply.replace("ID", &format!("\"{text}\"")).as_bytes(),
            &Cleaner::new(&[]),
        )
        .map(|result| result.get().to_owned())
        .map_err(|error| error.to_string())
    }

    #[test]
    fn svc_01_results_are_kept_as_they_are_written() {
        for result in [
            "null",
            "0",
            "-0",
            "1e400",
            "18446744073709551616",
            "1.10",
            "[]",
            "{\"a\": [1, 2]}",
            "\"\\ud83d\\ude00\"",
            "{\"a\":1,\"a\":2}",
            "\"\\\\ud800\"",
        ] {
            let reply = format!(
                "\n {{ \"result\":{result},\"id\":ID,\"jsonrpc\":\"2.0\", \"time\": 3 }}\n"
            );
            assert_eq!(read(&reply), Ok(result.to_owned()));
        }
        let deepest = format!("{}{}", "[".repeat(64), "]".repeat(64));
        let reply = format!("{{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{deepest}}}");
        assert_eq!(read(&reply), Ok(deepest));
    }

    #[test]
    fn svc_01_whatever_is_not_one_reply_is_refused() {
        let table = [
            (
                "",
                "its reply is not one JSON object (it does not begin with `{`)",
            ),
            (
                "null",
                "its reply is not one JSON object (it does not begin with `{`)",
            ),
            (
                "<html>",
                "its reply is not one JSON object (it does not begin with `{`)",
            ),
            (
                "[\"2.0\",ID,1,null]",
                "its reply is not one JSON object (it is a list)",
            ),
            (
                "[{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":1}]",
                "its reply is not one JSON object (it is a list)",
            ),
            ("\u{feff}{}", "its reply begins with a byte order mark"),
            (
                "{",
                "its reply is not one JSON object (EOF while parsing an object at line 1 column 1)",
            ),
            (
                "{} {}",
                "its reply is not one JSON object (trailing characters at line 1 column 4)",
            ),
            (
                "{\"id\":1,\"id\":1}",
                "its reply is not one JSON object (duplicate field `id` at line 1 column 12)",
            ),
            (
                "{\"result\":1,\"result\":1}",
                "its reply is not one JSON object (duplicate field `result` at line 1 column 20)",
            ),
            (
                "{\"result\":NaN}",
                "its reply is not one JSON object (expected value at line 1 column 11)",
            ),
            (
                "{\"result\":-Infinity}",
                "its reply is not one JSON object (invalid number at line 1 column 12)",
            ),
            (
                "{\"result\":01}",
                "its reply is not one JSON object (invalid number at line 1 column 12)",
            ),
            ("{}", "its reply has no `jsonrpc` of \"2.0\""),
            (
                "{\"jsonrpc\":2.0,\"id\":ID,\"result\":1}",
                "its reply has no `jsonrpc` of \"2.0\"",
            ),
            (
                "{\"jsonrpc\":\"1.0\",\"id\":ID,\"result\":1}",
                "its reply has no `jsonrpc` of \"2.0\"",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"result\":1}",
                "its reply does not carry the `id` of the request",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":1}",
                "its reply does not carry the `id` of the request",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1}",
                "its reply does not carry the `id` of the request",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":[ID],\"result\":1}",
                "its reply does not carry the `id` of the request",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID}",
                "its reply has neither `result` nor `error`",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":1,\"error\":null}",
                "its reply has both `result` and `error`",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":null}",
                "its `error` is not an object with an integer `code` and a text `message`",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":[1,\"x\"]}",
                "its `error` is not an object with an integer `code` and a text `message`",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{\"code\":\"1\",\"message\":\"x\"}}",
                "its `error` is not an object with an integer `code` and a text `message`",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID,\"error\":{\"code\":1,\"code\":1,\"message\":\"x\"}}",
                "its `error` is not an object with an integer `code` and a text `message`",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":\"\\ud800\"}",
                "its reply contains half of a character (an unpaired surrogate)",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":\"\\udc00\\ud800\"}",
                "its reply contains half of a character (an unpaired surrogate)",
            ),
            (
                "{\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":\"\\ud800\\n\"}",
                "its reply contains half of a character (an unpaired surrogate)",
            ),
        ];
        for (reply, reason) in table {
            assert_eq!(
                read(reply),
                Err(format!(
                    "the service does not keep to its protocol: {reason}"
                )),
                "{reply}"
            );
        }
        let id = RpcRequest::new("a", &raw("{}"), 1000).unwrap().id;
        assert_eq!(
            id.result_of(b"{\"\xff\":1}", &Cleaner::new(&[]))
                .unwrap_err()
                .to_string(),
            "the service does not keep to its protocol: its reply is not UTF-8"
        );
    }

    #[test]
    fn dos_08_a_deep_reply_is_refused_before_it_is_parsed() {
        for depth in [65, 100_000] {
            let reply = format!("{{\"result\":{}", "[".repeat(depth));
            assert_eq!(
                read(&reply),
                Err(
                    "the service does not keep to its protocol: its reply nests deeper than 64"
                        .to_owned()
                )
            );
        }
    }

    #[test]
    fn pol_05_parameters_that_are_no_frame_of_their_own_are_not_sent() {
        for params in ["1", "null", "\"a\"", "{\"a\":\n1}", "[1,\r2]"] {
            assert_eq!(
                RpcRequest::new("a", &raw(params), 1000)
                    .unwrap_err()
                    .to_string(),
                "the parameters of a call are one JSON object or list on one line"
            );
        }
    }

    #[test]
    fn dos_10_a_request_has_a_largest_size() {
        let params = raw(&format!("[\"{}\"]", "x".repeat(100)));
        let fits = RpcRequest::new("a", &params, 300).unwrap().object().len();
        assert!(RpcRequest::new("a", &params, fits).is_ok());
        assert_eq!(
            RpcRequest::new("a", &params, fits - 1)
                .unwrap_err()
                .to_string(),
            format!(
                "the request is longer than {}",
                sandgate_policy::ByteCount(fits - 1)
            )
        );
    }

    proptest! {
        #[test]
        fn pol_05_whatever_the_method_there_is_one_object_and_the_parameters_are_untouched(
            method in "\\PC{0,20}|[\"\\\\{}\\[\\],:\\n\\r\\t\\x00]{0,20}",
            words in proptest::collection::vec("\\PC{0,10}", 0..4),
        ) {
            let params = raw(&serde_json::to_string(&words).unwrap());
            let request = RpcRequest::new(&method, &params, 10_000).unwrap();
            let (id, body) = (request.id, request.object());
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(value, serde_json::json!({
                "jsonrpc": "2.0", "id": std::str::from_utf8(&id.0).unwrap(), "method": method, "params": words,
            }));
            let tail = format!("\"params\":{}}}", params.get());
            prop_assert!(body.ends_with(tail.as_bytes()));
            prop_assert!(!body.contains(&b'\n'));
            prop_assert_eq!(request.line(), [body.as_ref(), b"\n"].concat());
        }

        #[test]
        fn svc_01_no_reply_makes_the_host_panic(reply in proptest::collection::vec(any::<u8>(), 0..200)) {
            let id = RpcRequest::new("a", &raw("{}"), 1000).unwrap().id;
            prop_assert!(id.result_of(&reply, &Cleaner::new(&[])).is_err());
        }

        #[test]
        fn svc_01_the_reader_and_the_check_agree_on_half_characters(text in "(\\\\\\\\|\\\\u[dD][89aAcCfF]0[0-9a-f]|\\\\n|x){0,8}") {
            let json = format!("\"{text}\"");
            prop_assert_eq!(half_character(&json), serde_json::from_str::<String>(&json).is_err());
        }
    }
}
