//! Percent-encoding for URLs and file names (RFC 3986).

/// A target path within a URL: `/` separates, and what a path may hold unescaped stays.
pub(crate) fn url_path(path: &str) -> String {
    encode(path, b"-._~!$&'()*+,;=:@/")
}

/// A target path as one file name without surprises: no separator, and never `.` or `..` or a hidden file.
pub(crate) fn file_name(path: &str) -> String {
    let name = encode(path, b"-._~");
    match name.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => name,
    }
}

fn encode(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
