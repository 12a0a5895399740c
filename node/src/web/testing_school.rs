//! A school for the pages' tests: two classes, a teacher and a learner in each, and an administrator.

use std::net::SocketAddr;

use axum::{body::Body, http::Request};
use pishtar_mesh::{
    learner::{DeviceId, LearnerId},
    people::{ClassName, RawRegistration},
};

use super::testing::{Answer, World};
use crate::people::{
    People,
    accounts::{AccountId, Accounts, Role, Seat, Token},
};

/// A lesson of [`World`].
pub(crate) const LESSON: &str = "ministry/math-6-sq/fractions";
const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 50_000);

/// A school with the classes 6A (teacher Blerta) and 7B (teacher Goran), and a learner in each.
pub(crate) struct School {
    pub(crate) world: World,
    pub(crate) arta: LearnerId,
    pub(crate) milan: LearnerId,
    pub(crate) blerta: AccountId,
    pub(crate) drita: AccountId,
    _folder: tempfile::TempDir,
}

pub(crate) fn raw(name: &str, surname: &str, class: &str) -> RawRegistration {
    RawRegistration {
        name: name.into(),
        surname: surname.into(),
        parent: "Besa".into(),
        school: "Shkolla Dardania".into(),
        municipality: "Prishtinë".into(),
        phone: "044 123 456".into(),
        class: class.into(),
        born: String::new(),
    }
}

pub(crate) fn class(name: &str) -> ClassName {
    ClassName::new(name).unwrap()
}

/// A device with nobody in its books yet.
pub(crate) fn device(device: u8) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), DeviceId([device; 32])).unwrap();
    let mut world = World::new();
    world.from = Some(LOOPBACK);
    let now = super::Backend::now(&world);
    let accounts = Accounts::open(&folder.path().join("accounts.redb"), now).unwrap();
    world.school = Some((accounts.into(), people));
    (world, folder)
}

impl School {
    pub(crate) async fn new() -> School {
        let (world, folder) = device(7);
        let (accounts, people) = world.school.clone().unwrap();
        people.set_school(Some("shkolla-1".to_owned()));
        let register = async |raw| people.register(raw, 0).await.unwrap().id;
        let arta = register(raw("Arta", "Krasniqi", "6A")).await;
        let milan = register(raw("Milan", "Petrović", "7B")).await;
        let staff = async |role, login| {
            let made = accounts.add_staff(role, login, "një fjalë e gjatë").await;
            made.unwrap()
        };
        let blerta = staff(Role::Teacher, "Blerta").await;
        let goran = staff(Role::Teacher, "Goran").await;
        let drita = staff(Role::Administrator, "Drita").await;
        for (name, teacher) in [("6A", &blerta), ("7B", &goran)] {
            let teachers = [teacher.as_str().to_owned()].into();
            people.set_teachers(class(name), teachers).await.unwrap();
        }
        School {
            world,
            arta,
            milan,
            blerta,
            drita,
            _folder: folder,
        }
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.world.school.as_ref().unwrap().0
    }

    pub(crate) fn people(&self) -> &People {
        &self.world.school.as_ref().unwrap().1
    }

    pub(crate) fn session(&self, account: &str, role: Role) -> Token {
        let account = AccountId::new(account);
        let now = super::Backend::now(&self.world);
        let seat = Seat { account, role };
        self.accounts()
            .open_session(seat, false, None, now)
            .unwrap()
    }

    pub(crate) fn arta(&self) -> Token {
        self.session(self.arta.as_str(), Role::Learner)
    }

    pub(crate) fn blerta(&self) -> Token {
        self.session(self.blerta.as_str(), Role::Teacher)
    }

    pub(crate) fn drita(&self) -> Token {
        self.session(self.drita.as_str(), Role::Administrator)
    }

    pub(crate) async fn get(&self, who: &Token, path: &str) -> Answer {
        get(&self.world, Some(who), path).await
    }

    pub(crate) async fn post(&self, who: &Token, path: &str, fields: &str) -> Answer {
        post(&self.world, Some(who), path, fields).await
    }
}

pub(crate) fn cookie(token: &Token) -> String {
    format!("pishtar-8080={}", token.text())
}

pub(crate) async fn get(world: &World, who: Option<&Token>, path: &str) -> Answer {
    let mut request = Request::get(path).header("accept-language", "en");
    if let Some(token) = who {
        request = request.header("cookie", cookie(token));
    }
    world.ask(request, Body::empty()).await
}

/// Sends a form as our own page would, with the key of the session.
pub(crate) async fn post(world: &World, who: Option<&Token>, path: &str, fields: &str) -> Answer {
    let mut request = Request::post(path)
        .header("accept-language", "en")
        .header("origin", "http://127.0.0.1:8080")
        .header("content-type", "application/x-www-form-urlencoded");
    let mut body = fields.to_owned();
    if let Some(token) = who {
        request = request.header("cookie", cookie(token));
        body = format!("{body}&key={}", token.form_key());
    }
    world.ask(request, Body::from(body)).await
}

/// The session that an answer opened.
pub(crate) fn opened(answer: &Answer) -> Token {
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let value = cookie.split(['=', ';']).nth(1).unwrap();
    Token::parse(value).unwrap()
}
