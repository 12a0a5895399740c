//! `/sign-in/staff`: name and password; `/first`: the first administrator.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{
    Desk, Instead, account_words, either,
    sign_in::{check_channel, open, refused},
};
use crate::{
    people::accounts::{AccountError, AccountId, Role, Seat, SignInError},
    web::{errors::Trouble, form::Form, locale::Texts, page::Page},
};

#[derive(Template)]
#[template(path = "staff.html")]
struct StaffPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    /// The first administrator is to be made.
    first: bool,
    login: String,
    wrong: Option<String>,
}

fn page(
    desk: &Desk,
    first: bool,
    login: &str,
    status: StatusCode,
    wrong: Option<String>,
) -> Response {
    let template = StaffPage {
        t: desk.page.texts(),
        page: &desk.page,
        first,
        login: login.to_owned(),
        wrong,
    };
    desk.page.answer(status, &template)
}

/// `GET /sign-in/staff`
pub(in crate::web) async fn show(desk: Desk) -> Response {
    let shown = check_channel(&desk).map(|()| page(&desk, false, "", StatusCode::OK, None));
    either(shown)
}

/// `POST /sign-in/staff`
pub(in crate::web) async fn enter(desk: Desk, form: Form) -> Response {
    either(try_enter(&desk, &form).await)
}

async fn try_enter(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    check_channel(desk)?;
    let login = form.text("login");
    // An unknown name takes the same way to the same answer.
    let account = desk.accounts.by_login(login);
    let account = account.unwrap_or_else(|| AccountId::new(format!("nobody {login}")));
    let now = || desk.backend.now();
    let password = form.text("password");
    match desk
        .accounts
        .check(&account, password, desk.client(), now)
        .await
    {
        Ok(role) => open(desk, Seat { account, role }, false),
        Err(error) => refused(desk, error, |desk, status, wrong| {
            Ok(page(desk, false, login, status, wrong))
        }),
    }
}

/// `GET /first`
pub(in crate::web) async fn first(desk: Desk) -> Response {
    if desk.accounts.first_code().is_none() {
        return Trouble::Missing.answer(desk.page);
    }
    either(check_channel(&desk).map(|()| page(&desk, true, "", StatusCode::OK, None)))
}

/// `POST /first`
pub(in crate::web) async fn make_first(desk: Desk, form: Form) -> Response {
    either(try_first(&desk, &form).await)
}

async fn try_first(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    check_channel(desk)?;
    if desk.accounts.first_code().is_none() {
        return Err(desk.trouble(Trouble::Missing));
    }
    let login = form.text("login");
    let made = desk.accounts.add_first_administrator(
        form.text("code"),
        login,
        form.text("password"),
        desk.client(),
        desk.now(),
    );
    let again = |status, wrong: String| Ok(page(desk, true, login, status, Some(wrong)));
    match made.await {
        Ok(account) => {
            let role = Role::Administrator;
            open(desk, Seat { account, role }, false)
        }
        Err(AccountError::Store(error)) => Err(desk.broken(error)),
        Err(AccountError::Wait(seconds)) => {
            refused(desk, SignInError::Wait(seconds), |_, status, wrong| {
                again(status, wrong.unwrap_or_default())
            })
        }
        Err(error) => {
            let text = desk.page.texts().get(account_words(&error));
            again(StatusCode::FORBIDDEN, text.into())
        }
    }
}
