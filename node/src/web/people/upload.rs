//! `/school/upload`: a table of learners, looked at first, with what is wrong in which row.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use pishtar_mesh::people::{ClassName, Column, Registration};

use super::{Desk, Instead, either, register};
use crate::{
    people::{PeopleError, RowError},
    web::{form::Form, locale::Texts, page::Page},
};

/// Rows shown before they are taken.
const SHOWN: usize = 50;
/// Faults shown.
const FAULTS: usize = 100;

#[derive(Template)]
#[template(path = "upload.html")]
struct Upload<'a> {
    t: &'static Texts,
    page: &'a Page,
    class: String,
    text: String,
    faults: Vec<Fault>,
    more_faults: usize,
    /// What was read, to be confirmed.
    rows: Vec<[String; 5]>,
    count: usize,
    taken: Option<Taken>,
    wrong: Option<&'static str>,
}

struct Fault {
    row: u64,
    column: Option<&'static str>,
    hint: Option<&'static str>,
    text: String,
}

struct Taken {
    new: usize,
    known: usize,
}

impl<'a> Upload<'a> {
    fn empty(page: &'a Page) -> Upload<'a> {
        Upload {
            t: page.texts(),
            page,
            class: String::new(),
            text: String::new(),
            faults: Vec::new(),
            more_faults: 0,
            rows: Vec::new(),
            count: 0,
            taken: None,
            wrong: None,
        }
    }
}

/// `GET /school/upload`
pub(in crate::web) async fn show(desk: Desk) -> Response {
    desk.page.answer(StatusCode::OK, &Upload::empty(&desk.page))
}

/// `POST /school/upload`
pub(in crate::web) async fn save(desk: Desk, form: Form) -> Response {
    either(try_save(&desk, &form).await)
}

async fn try_save(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    let bytes = match form.file() {
        Some(file) => file.to_vec(),
        None => form.text("text").as_bytes().to_vec(),
    };
    let mut upload = Upload::empty(&desk.page);
    upload.class = form.text("class").to_owned();
    upload.text = String::from_utf8_lossy(&bytes).into_owned();
    let refuse = |upload: Upload<'_>| desk.page.answer(StatusCode::UNPROCESSABLE_ENTITY, &upload);
    if bytes.is_empty() {
        upload.wrong = Some("upload-nothing");
        return Ok(refuse(upload));
    }
    let class = match form.text("class") {
        "" => None,
        text => match ClassName::new(text) {
            Ok(class) => Some(class),
            Err(_) => {
                upload.wrong = Some("hint-class");
                return Ok(refuse(upload));
            }
        },
    };
    if !form.is_ticked("confirmed") {
        let (rows, errors) = match desk.people.read_csv(bytes, class).await {
            Ok(rows) => (rows, Vec::new()),
            Err(PeopleError::Table(errors)) => (Vec::new(), errors),
            Err(error) => return Err(desk.failed(error)),
        };
        upload.count = rows.len();
        upload.rows = rows.iter().take(SHOWN).map(preview).collect();
        upload.more_faults = errors.len().saturating_sub(FAULTS);
        upload.faults = errors.into_iter().take(FAULTS).map(fault).collect();
        return Ok(match upload.faults.is_empty() {
            true => desk.page.answer(StatusCode::OK, &upload),
            false => refuse(upload),
        });
    }
    match desk
        .people
        .register_csv(bytes, class, desk.now().wall)
        .await
    {
        Ok(report) => {
            let mut done = Upload::empty(&desk.page);
            done.taken = Some(Taken {
                new: report.new.len(),
                known: report.known,
            });
            Ok(desk.page.answer(StatusCode::OK, &done))
        }
        Err(PeopleError::Table(errors)) => {
            upload.faults = errors.into_iter().take(FAULTS).map(fault).collect();
            Ok(refuse(upload))
        }
        Err(error) => Err(desk.failed(error)),
    }
}

fn preview(row: &Registration) -> [String; 5] {
    let phone = row.phone.as_ref().map(|phone| phone.as_str().to_owned());
    [
        row.name.as_str().to_owned(),
        row.surname.as_str().to_owned(),
        row.parent.as_str().to_owned(),
        phone.unwrap_or_default(),
        row.class.as_str().to_owned(),
    ]
}

/// What is wrong with a row, in the reader's language where the column is known.
fn fault(error: RowError) -> Fault {
    let column = error.column.as_deref();
    let column = Column::ALL
        .into_iter()
        .find(|known| Some(known.as_str()) == column);
    let words = column.map(register::words);
    Fault {
        row: error.row,
        column: words.map(|(label, _)| label),
        hint: words.map(|(_, hint)| hint),
        text: error.text,
    }
}
