//! Reading and writing the query part of addresses (`application/x-www-form-urlencoded`).

/// Most parameters read from one address or form: every grade, subject and language may be ticked.
const MAX_PARAMETERS: usize = 128;

/// The parameters of a query in order, decoded; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .take(MAX_PARAMETERS)
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The first parameter of that name, unless it is empty.
pub(crate) fn first<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let (_, value) = parameters.iter().find(|(key, _)| key == name)?;
    (!value.is_empty()).then_some(value)
}

/// `path` followed by the parameters, encoded.
pub(crate) fn with_query<N: AsRef<str>, V: AsRef<str>>(
    path: &str,
    parameters: &[(N, V)],
) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name.as_ref()), encode(value.as_ref())))
        .collect();
    if pairs.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", pairs.join("&"))
    }
}

/// Percent-encodes everything but the unreserved characters (RFC 3986, 2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        let escaped = bytes.get(index + 1..index + 3).filter(|_| byte == b'%');
        match escaped.and_then(|two| hex::decode(two).ok()) {
            Some(decoded) => {
                out.extend(decoded);
                index += 3;
            }
            None => {
                out.push(if byte == b'+' { b' ' } else { byte });
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_survive_a_round_trip() {
        let parameters = parse_query("q=thyesa+%C3%AB%26&lang=sq&empty=&bad=%zz%4");
        let expected = [
            ("q", "thyesa ë&"),
            ("lang", "sq"),
            ("empty", ""),
            ("bad", "%zz%4"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parameters, expected);
        assert_eq!(first(&parameters, "q"), Some("thyesa ë&"));
        assert_eq!(first(&parameters, "empty"), None);
        let address = with_query("/search", &parameters);
        assert_eq!(
            address,
            "/search?q=thyesa%20%C3%AB%26&lang=sq&empty=&bad=%25zz%254"
        );
        assert_eq!(parse_query(address.split_once('?').unwrap().1), expected);
    }
}
