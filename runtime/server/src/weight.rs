//! What a message weighs before it is read: each value of JSON takes many times its text in memory, `[0,0,0]` the most.
//! Asked by every door for bytes of strangers; it must never be wrong about a message that can be read. THREAT[DOS-14]

/// Values in one message. Arguments of the tools have a handful; what clients say of themselves has some hundreds.
pub(crate) const MOST: usize = 100_000;

/// Whether it has no more values than [`MOST`]. Every value but the first comes after one of these characters.
pub(crate) fn is_bearable(message: &[u8]) -> bool {
    let (mut values, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in message {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b',' | b':' | b'[' | b'{' if !in_text => values = values.saturating_add(1),
            _ => {}
        }
    }
    values <= MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dos_14_values_are_counted_and_texts_are_not() {
        let list = |values: usize| format!("[{}0]", "0,".repeat(values - 1)).into_bytes();
        assert!(is_bearable(&list(MOST)));
        assert!(!is_bearable(&list(MOST + 1)));
        let text = format!(r#"{{"code":"{}\"{}"}}"#, "[".repeat(MOST), ",".repeat(MOST));
        assert!(is_bearable(text.as_bytes()));
        // The text ends before the list.
        let beside = [br#"["\\","#.as_slice(), &list(MOST), b"]"].concat();
        assert!(!is_bearable(&beside));
    }
}
