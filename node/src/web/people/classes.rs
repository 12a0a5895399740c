//! `/classes` and `/class/{class}`: a class at a glance, and what it is told to do.

use std::cmp::Reverse;

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use pishtar_mesh::learner::LessonRef;

use super::{
    Desk, Instead, class_href, either, see,
    work::{self, Work},
};
use crate::{
    people::{ClassView, LearnerWork, LessonWork, PeopleError},
    web::{errors::Trouble, form::Form, locale::Texts, page::Page, url},
};

/// Lessons offered for assigning at a time; a search finds the others.
const MAX_OFFERED: usize = 40;

#[derive(Template)]
#[template(path = "classes.html")]
struct ClassList<'a> {
    t: &'static Texts,
    page: &'a Page,
    classes: Vec<Line>,
}

/// A class in the list.
struct Line {
    name: String,
    href: String,
    learners: usize,
    assigned: usize,
    need_help: usize,
}

#[derive(Template)]
#[template(path = "class.html")]
struct ClassPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    name: String,
    here: String,
    learners: usize,
    columns: Vec<Column>,
    rows: Vec<Row>,
    sorts: Vec<Sort>,
    offered: Vec<(String, String)>,
    wrong: Option<String>,
    due: String,
    find: String,
    said: Option<&'static str>,
}

/// An assigned lesson.
struct Column {
    id: u64,
    title: String,
    lang: String,
    href: Option<String>,
    due: Option<String>,
    done: usize,
}

/// A learner with a cell for each column.
struct Row {
    name: String,
    href: String,
    cells: Vec<Option<Work>>,
    done: usize,
    needs: Vec<String>,
}

struct Sort {
    text: String,
    href: String,
    chosen: bool,
}

/// `GET /classes`
pub(in crate::web) async fn list(desk: Desk) -> Response {
    either(try_list(&desk))
}

fn try_list(desk: &Desk) -> Result<Response, Instead> {
    let now = desk.now().wall;
    let line = |class: ClassView| {
        let work = desk.people.class_progress(&class.name, now);
        let work = work.map_err(|error| desk.failed(error))?;
        let assigned = desk.people.assignments_of(&class.name);
        Ok(Line {
            name: class.name.as_str().to_owned(),
            href: class_href(&class.name),
            learners: class.learners,
            assigned: assigned.map_err(|error| desk.failed(error))?.len(),
            need_help: work.iter().filter(|learner| learner.needs_help).count(),
        })
    };
    let classes: Result<Vec<Line>, Instead> = desk.classes()?.into_iter().map(line).collect();
    let template = ClassList {
        t: desk.page.texts(),
        page: &desk.page,
        classes: classes?,
    };
    Ok(desk.page.answer(StatusCode::OK, &template))
}

/// `GET /class/{class}`
pub(in crate::web) async fn show(desk: Desk, Path(class): Path<String>) -> Response {
    either(page(&desk, &class, StatusCode::OK, None, ""))
}

fn page(
    desk: &Desk,
    class: &str,
    status: StatusCode,
    wrong: Option<String>,
    due: &str,
) -> Result<Response, Instead> {
    let class = desk.class(class)?;
    let (texts, backend) = (desk.page.texts(), desk.backend.as_ref());
    let work = desk.people.class_progress(&class.name, desk.now().wall);
    let work = work.map_err(|error| desk.failed(error))?;
    let assigned = desk.people.assignments_of(&class.name);
    let assigned = assigned.map_err(|error| desk.failed(error))?;
    let columns: Vec<Column> = assigned
        .iter()
        .map(|assignment| {
            let id = assignment.lesson.as_str();
            let (title, lang, known) = work::title(backend, id, texts);
            let done =
                |learner: &&LearnerWork| find(learner, id).is_some_and(|work| work.completed);
            Column {
                id: assignment.id,
                title,
                lang,
                href: known.then(|| format!("/lesson/{id}")),
                due: assignment.due.as_deref().map(|due| work::day(due, texts)),
                done: work.iter().filter(done).count(),
            }
        })
        .collect();
    let ids: Vec<&str> = assigned
        .iter()
        .map(|assignment| assignment.lesson.as_str())
        .collect();
    let mut rows: Vec<Row> = work
        .iter()
        .map(|learner| row(desk, learner, &ids))
        .collect();
    let order = desk.page.parameter("sort").unwrap_or("help");
    match order {
        "name" => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        "done" => rows.sort_by_key(|row| Reverse(row.done)),
        _ => rows.sort_by_key(|row| row.needs.is_empty()),
    }
    let here = class_href(&class.name);
    let template = ClassPage {
        t: texts,
        page: &desk.page,
        name: class.name.as_str().to_owned(),
        learners: work.len(),
        columns,
        rows,
        sorts: sorts(&here, order, texts),
        offered: offered(desk, &ids),
        wrong,
        due: due.to_owned(),
        find: desk.page.parameter("find").unwrap_or_default().to_owned(),
        said: said(desk),
        here,
    };
    Ok(desk.page.answer(status, &template))
}

/// The words for what was just done, as the address says it.
fn said(desk: &Desk) -> Option<&'static str> {
    match desk.page.parameter("said")? {
        "assigned" => Some("class-assigned"),
        "taken-back" => Some("class-taken-back"),
        "registered" => Some("register-done"),
        "known" => Some("register-known"),
        "erased" => Some("erase-done"),
        _ => None,
    }
}

fn sorts(here: &str, chosen: &str, texts: &Texts) -> Vec<Sort> {
    let sort = |(id, key): (&str, &str)| Sort {
        text: texts.get(key).into(),
        href: url::with_query(here, &[("sort", id)]),
        chosen: id == chosen,
    };
    [
        ("help", "sort-help"),
        ("name", "sort-name"),
        ("done", "sort-done"),
    ]
    .map(sort)
    .into()
}

fn find<'a>(learner: &'a LearnerWork, lesson: &str) -> Option<&'a LessonWork> {
    learner
        .lessons
        .iter()
        .find(|work| work.lesson.as_str() == lesson)
}

fn row(desk: &Desk, learner: &LearnerWork, lessons: &[&str]) -> Row {
    let (texts, backend) = (desk.page.texts(), desk.backend.as_ref());
    let registration = &learner.learner.registration;
    let cells = lessons.iter().map(|id| {
        let work = find(learner, id)?;
        Some(Work::of(work, backend, texts))
    });
    let needs = learner.lessons.iter().filter_map(|work| {
        let reason = work::reason(work.help.as_ref()?, texts);
        let (title, _, _) = work::title(backend, work.lesson.as_str(), texts);
        Some(format!("{title}: {reason}"))
    });
    let done = |work: &&LessonWork| work.completed && work.assigned;
    Row {
        name: format!(
            "{} {}",
            registration.surname.as_str(),
            registration.name.as_str()
        ),
        href: format!("/learner/{}", learner.learner.id.as_str()),
        cells: cells.collect(),
        done: learner.lessons.iter().filter(done).count(),
        needs: needs.collect(),
    }
}

/// Lessons that may be assigned: what the device keeps and the class does not have yet, or what a search finds.
fn offered(desk: &Desk, assigned: &[&str]) -> Vec<(String, String)> {
    let (texts, backend) = (desk.page.texts(), desk.backend.as_ref());
    let lessons = match desk.page.parameter("find") {
        Some(text) => backend.search(text, MAX_OFFERED),
        None => backend.lessons(),
    };
    let ids = lessons.iter().map(|view| view.lesson.id.to_string());
    let new = ids.filter(|id| !assigned.contains(&id.as_str()));
    let named = new.take(MAX_OFFERED).map(|id| {
        let (title, _, _) = work::title(backend, &id, texts);
        let grade = backend.lesson(&id).map(|view| view.lesson.grade);
        let grade = grade.map(|grade| super::super::home::grade_name(grade, texts));
        (id, format!("{title} ({})", grade.unwrap_or_default()))
    });
    named.collect()
}

/// `POST /class/{class}/assign`
pub(in crate::web) async fn assign(desk: Desk, Path(class): Path<String>, form: Form) -> Response {
    either(try_assign(&desk, &class, &form).await)
}

async fn try_assign(desk: &Desk, class: &str, form: &Form) -> Result<Response, Instead> {
    let name = desk.class(class)?.name;
    let texts = desk.page.texts();
    let due = form.text("due");
    let again = |key: &str| {
        let wrong = texts.get(key).into_owned();
        page(
            desk,
            class,
            StatusCode::UNPROCESSABLE_ENTITY,
            Some(wrong),
            due,
        )
    };
    let known = desk.backend.lesson(form.text("lesson")).is_some();
    let Ok(lesson) = LessonRef::new(form.text("lesson")) else {
        return again("assign-no-lesson");
    };
    if !known {
        return again("assign-no-lesson");
    }
    let by = desk.visitor().account().map(|id| id.as_str().to_owned());
    let day = (!due.is_empty()).then(|| due.to_owned());
    let now = desk.now().wall;
    let assigned = desk
        .people
        .assign(name.clone(), lesson, by.unwrap_or_default(), day, now);
    match assigned.await {
        Ok(_) => Ok(see(&format!("{}?said=assigned", class_href(&name)))),
        Err(PeopleError::BadDay(_)) => again("assign-bad-day"),
        Err(error) => Err(desk.failed(error)),
    }
}

/// `POST /class/{class}/unassign`
pub(in crate::web) async fn unassign(
    desk: Desk,
    Path(class): Path<String>,
    form: Form,
) -> Response {
    either(try_unassign(&desk, &class, &form).await)
}

async fn try_unassign(desk: &Desk, class: &str, form: &Form) -> Result<Response, Instead> {
    let name = desk.class(class)?.name;
    let assigned = desk
        .people
        .assignments_of(&name)
        .map_err(|error| desk.failed(error))?;
    // Of this class only: the number alone would name any class's.
    let wanted = assigned
        .iter()
        .find(|assignment| assignment.id.to_string() == form.text("assignment"));
    let Some(wanted) = wanted else {
        return Err(desk.trouble(Trouble::Missing));
    };
    desk.people
        .unassign(wanted.id)
        .await
        .map_err(|error| desk.failed(error))?;
    Ok(see(&format!("{}?said=taken-back", class_href(&name))))
}
