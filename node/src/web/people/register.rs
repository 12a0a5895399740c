//! `/class/{class}/register`: one learner, every fault beside its field and nothing typed is lost.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use pishtar_mesh::people::{Column, RawRegistration};

use super::{Desk, Instead, class_href, either, see};
use crate::{
    people::PeopleError,
    web::{form::Form, locale::Texts, page::Page},
};

#[derive(Template)]
#[template(path = "register.html")]
struct Register<'a> {
    t: &'static Texts,
    page: &'a Page,
    class: String,
    class_href: String,
    fields: Vec<Field>,
    wrong: bool,
}

struct Field {
    name: &'static str,
    label: &'static str,
    value: String,
    hint: &'static str,
    wrong: bool,
    required: bool,
    kind: &'static str,
}

/// Keys of a column's name and of what belongs into it.
pub(super) fn words(column: Column) -> (&'static str, &'static str) {
    match column {
        Column::Name => ("field-name", "hint-name"),
        Column::Surname => ("field-surname", "hint-name"),
        Column::Parent => ("field-parent", "hint-parent"),
        Column::School => ("field-school", "hint-place"),
        Column::Municipality => ("field-municipality", "hint-place"),
        Column::Phone => ("field-phone", "hint-phone"),
        Column::Class => ("field-class", "hint-class"),
        Column::Born => ("field-born", "hint-born"),
    }
}

/// The fields of the form; the class is in the address.
const COLUMNS: [Column; 7] = [
    Column::Name,
    Column::Surname,
    Column::Parent,
    Column::Phone,
    Column::Born,
    Column::School,
    Column::Municipality,
];

fn value_of(raw: &RawRegistration, column: Column) -> &str {
    match column {
        Column::Name => &raw.name,
        Column::Surname => &raw.surname,
        Column::Parent => &raw.parent,
        Column::School => &raw.school,
        Column::Municipality => &raw.municipality,
        Column::Phone => &raw.phone,
        Column::Class => &raw.class,
        Column::Born => &raw.born,
    }
}

/// `GET /class/{class}/register`
pub(in crate::web) async fn show(desk: Desk, Path(class): Path<String>) -> Response {
    let about = desk.people.about().map_err(|error| desk.failed(error));
    let shown = about.and_then(|about| {
        let raw = RawRegistration {
            school: about.school,
            municipality: about.municipality,
            ..RawRegistration::default()
        };
        page(&desk, &class, &raw, &[])
    });
    either(shown)
}

fn page(
    desk: &Desk,
    class: &str,
    raw: &RawRegistration,
    wrong: &[Column],
) -> Result<Response, Instead> {
    let class = desk.class(class)?;
    let field = |column: Column| {
        let (label, hint) = words(column);
        Field {
            name: column.as_str(),
            label,
            value: value_of(raw, column).to_owned(),
            hint,
            wrong: wrong.contains(&column),
            required: !matches!(column, Column::Phone | Column::Born),
            kind: match column {
                Column::Phone => "tel",
                _ => "text",
            },
        }
    };
    let template = Register {
        t: desk.page.texts(),
        page: &desk.page,
        class: class.name.as_str().to_owned(),
        class_href: class_href(&class.name),
        fields: COLUMNS.map(field).into(),
        wrong: !wrong.is_empty(),
    };
    let status = match wrong {
        [] => StatusCode::OK,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok(desk.page.answer(status, &template))
}

/// `POST /class/{class}/register`
pub(in crate::web) async fn save(desk: Desk, Path(class): Path<String>, form: Form) -> Response {
    either(try_save(&desk, &class, &form).await)
}

async fn try_save(desk: &Desk, class: &str, form: &Form) -> Result<Response, Instead> {
    let name = desk.class(class)?.name;
    let text = |column: Column| form.text(column.as_str()).to_owned();
    let raw = RawRegistration {
        name: text(Column::Name),
        surname: text(Column::Surname),
        parent: text(Column::Parent),
        school: text(Column::School),
        municipality: text(Column::Municipality),
        phone: text(Column::Phone),
        class: name.as_str().to_owned(),
        born: text(Column::Born),
    };
    match desk.people.register(raw.clone(), desk.now().wall).await {
        Ok(registered) => {
            let said = if registered.new {
                "registered"
            } else {
                "known"
            };
            Ok(see(&format!("{}?said={said}", class_href(&name))))
        }
        Err(PeopleError::Registration(errors)) => {
            let wrong: Vec<Column> = errors.iter().map(|error| error.column).collect();
            page(desk, class, &raw, &wrong)
        }
        Err(error) => Err(desk.failed(error)),
    }
}
