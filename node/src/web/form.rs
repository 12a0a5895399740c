//! The fields of a form that a page of ours sent: decoded, bounded, and carrying the key of the session.

use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::header,
    response::Response,
};

use super::{errors::Trouble, page::Page, url, who};

/// Largest form, bytes: a table of two thousand learners.
pub(crate) const MAX_FORM_BYTES: usize = 512 * 1024;
/// Most parts of a form with a file.
const MAX_PARTS: usize = 16;
/// Name of the hidden field with the key of the session.
pub(crate) const KEY: &str = "key";

/// The fields of a form, in order.
#[derive(Debug, Default)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    /// The bytes of the file, where one was chosen.
    file: Option<Vec<u8>>,
}

impl Form {
    /// The first field of this name, without blanks around it; empty where there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        let mut fields = self.fields.iter();
        fields
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.trim())
    }

    /// All fields of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.fields.iter().filter(move |(key, _)| key == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// Whether a box of this name was ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// The bytes of the chosen file.
    pub(crate) fn file(&self) -> Option<&[u8]> {
        self.file.as_deref().filter(|bytes| !bytes.is_empty())
    }

    fn parse(media_type: &str, body: &Bytes) -> Option<Form> {
        let (essence, rest) = media_type.split_once(';').unwrap_or((media_type, ""));
        if essence.trim().eq_ignore_ascii_case("multipart/form-data") {
            let boundary = rest
                .split(';')
                .find_map(|part| part.trim().strip_prefix("boundary="))?;
            return Form::of_parts(boundary.trim_matches('"'), body);
        }
        let text = std::str::from_utf8(body).ok()?;
        Some(Form {
            fields: url::parse_query(text),
            file: None,
        })
    }

    /// The parts of `multipart/form-data` (RFC 7578).
    fn of_parts(boundary: &str, body: &[u8]) -> Option<Form> {
        if boundary.is_empty() || boundary.len() > 70 {
            return None;
        }
        let (mut form, mark) = (Form::default(), format!("--{boundary}"));
        let mut rest = &body[find(body, mark.as_bytes())? + mark.len()..];
        let mark = format!("\r\n{mark}");
        for _ in 0..MAX_PARTS {
            if rest.starts_with(b"--") {
                return Some(form);
            }
            rest = rest.strip_prefix(b"\r\n")?;
            let head_end = find(rest, b"\r\n\r\n")?;
            let head = std::str::from_utf8(&rest[..head_end]).ok()?;
            rest = &rest[head_end + 4..];
            let end = find(rest, mark.as_bytes())?;
            let value = &rest[..end];
            rest = &rest[end + mark.len()..];
            let name = parameter(head, "name")?;
            match parameter(head, "filename") {
                Some(_) => form.file = Some(value.to_vec()),
                None => {
                    let value = String::from_utf8_lossy(value).into_owned();
                    form.fields.push((name, value));
                }
            }
        }
        None
    }
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|window| window == needle)
}

/// A parameter of a part's `Content-Disposition`.
fn parameter(head: &str, name: &str) -> Option<String> {
    let mut lines = head.split("\r\n");
    let line = lines.find(|line| {
        line.to_ascii_lowercase()
            .starts_with("content-disposition:")
    })?;
    let wanted = format!("{name}=\"");
    let part = line
        .split(';')
        .find_map(|part| part.trim().strip_prefix(&wanted))?;
    Some(part.trim_end_matches('"').to_owned())
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Form, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = who::of(&parts.extensions);
        let Ok(page) = Page::from_request_parts(&mut parts, state).await;
        let Ok(body) = to_bytes(body, MAX_FORM_BYTES).await else {
            return Err(Trouble::TooLarge.answer(page));
        };
        let media_type = parts.headers.get(header::CONTENT_TYPE);
        let media_type = media_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let Some(form) = Form::parse(media_type, &body) else {
            return Err(Trouble::Foreign.answer(page));
        };
        // Beside the check of the origin: the form was made for this very session.
        let key = visitor.form_key();
        if visitor.token().is_some() && form.text(KEY) != key {
            return Err(Trouble::StaleForm.answer(page));
        }
        Ok(form)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_with_a_file() {
        let body = "--x1\r\nContent-Disposition: form-data; name=\"class\"\r\n\r\n6A\r\n--x1\r\n\
            Content-Disposition: form-data; name=\"table\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n\
            name,surname\r\nArta,K\r\n\r\n--x1--\r\n";
        let form = Form::parse("multipart/form-data; boundary=x1", &Bytes::from(body)).unwrap();
        assert_eq!(form.text("class"), "6A");
        assert_eq!(form.file(), Some(&b"name,surname\r\nArta,K\r\n"[..]));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let parse =
            |kind: &str, body: &'static str| Form::parse(kind, &Bytes::from(body)).is_some();
        assert!(!parse("multipart/form-data; boundary=x1", "--x1\r\nbroken"));
        assert!(!parse("multipart/form-data", "--x1--"));
        assert!(!parse("multipart/form-data; boundary=x", "--y--"));
        assert!(parse("multipart/form-data; boundary=x", "--x--"));
        assert!(parse("application/x-www-form-urlencoded", "a=1&b"));
    }
}
