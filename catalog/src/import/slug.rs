//! Names for addresses: ASCII, lower case, words joined by hyphens.

use crate::search_text::fold;

/// The longest slug made from a name, in bytes.
const MAX_BYTES: usize = 60;

/// The slug of a text, or `None` when no ASCII letter or digit is left of it.
///
/// Cut at a word's end where it is too long, so that equal beginnings give equal slugs.
pub fn slug(text: &str) -> Option<String> {
    let mut out = String::new();
    for word in fold(text).split(' ') {
        let word: String = word
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(MAX_BYTES)
            .collect();
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() && out.len() + 1 + word.len() > MAX_BYTES {
            break;
        }
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(&word);
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn slugs_are_plain() {
        assert_eq!(
            slug("Thyesat e përziera (6)").as_deref(),
            Some("thyesat-e-perziera-6")
        );
        assert_eq!(slug("Разломци").as_deref(), Some("razlomci"));
        assert_eq!(slug("../../etc/passwd").as_deref(), Some("etc-passwd"));
        assert_eq!(slug("—!"), None);
        assert_eq!(slug("数学"), None);
        let long = slug(&"fjala ".repeat(30)).unwrap();
        assert!(long.len() <= 60 && long.ends_with("fjala"), "{long}");
    }
}
