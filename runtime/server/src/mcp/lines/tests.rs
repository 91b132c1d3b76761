//! Lines of every shape, and requests of every number, at the edge of what is held. Memory is what is at stake.

use super::*;
use std::io::{BufReader, Cursor};

fn lines(bytes: &[u8], longest: usize) -> Vec<McpLine> {
    let (to, mut from) = mpsc::channel(100);
    // A buffer of three bytes cuts every line.
    read(
        BufReader::with_capacity(3, Cursor::new(bytes)),
        longest,
        &to,
    );
    drop(to);
    std::iter::from_fn(|| from.blocking_recv()).collect()
}

fn whole(text: &str) -> McpLine {
    McpLine::Whole(text.as_bytes().to_vec())
}

#[test]
fn dos_14_a_line_that_is_too_long_is_skipped_to_its_end() {
    assert_eq!(
        lines(b"12345\n123456\n\n12345\n12", 5),
        [whole("12345"), McpLine::TooLong, whole(""), whole("12345")]
    );
    assert_eq!(lines(&[b'x'; 100], 5), []);
}

#[test]
fn dos_14_requests_under_way_are_bounded_in_number_and_in_bytes() {
    let id = |number| RequestId::Number(number);
    let too_many = Err("too many requests are under way; wait for their answers");
    let many = Pending::default();
    for number in 0..64 {
        assert_eq!(many.enter(&id(number), 1), Ok(()));
    }
    assert_eq!(many.enter(&id(64), 1), too_many);
    assert_eq!(
        many.enter(&id(63), 1),
        Err("a request with this id is under way")
    );
    // What has an answer cannot be cancelled, and counts until that is written.
    many.answer(&id(63));
    assert!(!many.cancel(&id(63)));
    assert_eq!(many.enter(&id(64), 1), too_many);
    many.leave(&id(63));
    assert_eq!(many.enter(&id(64), 1), Ok(()));
    assert!(many.cancel(&id(0)));
    assert!(!many.cancel(&id(0)));
    assert_eq!(many.enter(&id(65), 1), Ok(()));

    let long = Pending::default();
    assert_eq!(long.enter(&id(0), MOST_HELD - LONGEST), Ok(()));
    assert_eq!(long.enter(&id(1), LONGEST + 1), too_many);
    assert_eq!(long.enter(&id(1), LONGEST), Ok(()));
    assert_eq!(long.enter(&id(2), 1), too_many);
}
