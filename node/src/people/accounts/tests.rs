//! Accounts through a restart: secrets, waits, sessions, the first administrator.

use std::{net::IpAddr, path::Path, time::Duration};

use pishtar_mesh::{Mono, Now};

use super::*;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 30));
const START: i64 = 1_795_464_000;

fn at(seconds: u64) -> Now {
    Now {
        mono: Mono(Duration::from_secs(seconds)),
        wall: START + seconds as i64,
    }
}

fn open(folder: &Path) -> Accounts {
    Accounts::open(&folder.join("accounts.redb"), at(0)).unwrap()
}

fn seat(id: &str, role: Role) -> Seat {
    Seat {
        account: AccountId::new(id),
        role,
    }
}

#[tokio::test]
async fn wrong_pins_lock_the_account_through_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    let arta = AccountId::new("learner-1");
    accounts
        .set_learner_secret(&arta, SecretKind::Pin, "4071")
        .await
        .unwrap();
    let check = async |accounts: &Accounts, pin: &str, seconds| {
        accounts.check(&arta, pin, CLIENT, || at(seconds)).await
    };
    assert_eq!(check(&accounts, "4071", 1).await, Ok(Role::Learner));
    for wrong in ["4070", "0000", "", "4 0 7", "44071"] {
        assert_eq!(check(&accounts, wrong, 2).await, Err(SignInError::Wrong));
    }
    assert_eq!(
        check(&accounts, "4071", 2).await,
        Err(SignInError::Wait(30))
    );
    drop(accounts);
    let accounts = open(folder.path());
    assert_eq!(
        check(&accounts, "4071", 29).await,
        Err(SignInError::Wait(1))
    );
    assert_eq!(check(&accounts, "4071", 30).await, Ok(Role::Learner));
    assert_eq!(check(&accounts, "4070", 30).await, Err(SignInError::Wrong));
}

#[tokio::test]
async fn nobody_learns_which_accounts_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    let nobody = AccountId::new("nobody");
    let tried = accounts.check(&nobody, "4071", CLIENT, || at(1)).await;
    assert_eq!(tried, Err(SignInError::Wrong));
}

#[tokio::test]
async fn the_file_holds_neither_secret_nor_session_id() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    let staff = accounts.add_staff(Role::Teacher, "Blerta", "një fjalë e gjatë");
    let id = staff.await.unwrap();
    let token = accounts
        .open_session(seat(id.as_str(), Role::Teacher), false, None, at(1))
        .unwrap();
    drop(accounts);
    let bytes = std::fs::read(folder.path().join("accounts.redb")).unwrap();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"Blerta"), "the search finds what is there");
    assert!(!holds("fjalë e gjatë".as_bytes()));
    assert!(!holds(token.text().as_bytes()));
    assert!(!holds(&hex::decode(token.text()).unwrap()));
}

#[test]
fn sessions_end_when_unused_old_or_before_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    let hour = 3_600;
    let teacher = accounts
        .open_session(seat("t", Role::Teacher), false, None, at(0))
        .unwrap();
    for used in (0..10 * hour).step_by(hour as usize - 10) {
        assert!(accounts.session(&teacher, at(used)).is_some(), "{used}");
    }
    assert_eq!(
        accounts.session(&teacher, at(10 * hour + 1)),
        None,
        "a working day is over"
    );
    let learner = accounts
        .open_session(seat("a", Role::Learner), false, None, at(0))
        .unwrap();
    assert!(accounts.session(&learner, at(2 * hour)).is_some());
    assert_eq!(
        accounts.session(&learner, at(4 * hour + 1)),
        None,
        "unused for two hours"
    );
    let other = accounts
        .open_session(seat("a", Role::Learner), false, None, at(hour))
        .unwrap();
    assert_eq!(accounts.session(&other, at(0)), None, "the clock went back");
    assert_eq!(
        accounts.session(&Token::parse(&"0".repeat(64)).unwrap(), at(0)),
        None
    );
    assert_eq!(Token::parse("zz"), None);
}

#[test]
fn a_familys_device_has_several_learners_and_a_schools_tablet_one() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    let (arta, blerim) = (AccountId::new("a"), AccountId::new("b"));
    let one = accounts
        .open_session(seat("a", Role::Learner), true, None, at(0))
        .unwrap();
    let both = accounts
        .open_session(seat("b", Role::Learner), true, Some(&one), at(1))
        .unwrap();
    assert_eq!(
        accounts.session(&one, at(1)),
        None,
        "each sign-in makes a new id"
    );
    let session = accounts.session(&both, at(1)).unwrap();
    assert_eq!(
        (session.seats.len(), session.seat().account.clone()),
        (2, blerim.clone())
    );
    assert_eq!(accounts.choose_seat(&both, &arta), Ok(true));
    assert_eq!(accounts.choose_seat(&both, &AccountId::new("c")), Ok(false));
    drop(accounts);
    let accounts = open(folder.path());
    assert_eq!(accounts.session(&both, at(2)).unwrap().seat().account, arta);
    assert_eq!(accounts.leave_seat(&both, &arta), Ok(true));
    assert_eq!(
        accounts.session(&both, at(2)).unwrap().seats,
        [seat("b", Role::Learner)]
    );
    let school = accounts
        .open_session(seat("a", Role::Learner), false, Some(&both), at(3))
        .unwrap();
    assert_eq!(accounts.session(&both, at(3)), None);
    assert_eq!(accounts.session(&school, at(3)).unwrap().seats.len(), 1);
    accounts.end_session(&school).unwrap();
    assert_eq!(accounts.session(&school, at(3)), None);
    let teacher = accounts
        .open_session(seat("t", Role::Teacher), true, None, at(3))
        .unwrap();
    assert!(!accounts.session(&teacher, at(3)).unwrap().family);
}

#[tokio::test]
async fn a_new_secret_and_a_removal_end_what_was_open() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    let arta = AccountId::new("a");
    let set = accounts.set_learner_secret(&arta, SecretKind::Pictures, "cat sun cat boat");
    set.await.unwrap();
    let token = accounts
        .open_session(seat("a", Role::Learner), false, None, at(0))
        .unwrap();
    let set = accounts.set_learner_secret(&arta, SecretKind::Pin, "4071");
    set.await.unwrap();
    assert_eq!(accounts.session(&token, at(0)), None);
    assert_eq!(
        accounts.account(&arta).unwrap().secret_kind(),
        SecretKind::Pin
    );
    let token = accounts
        .open_session(seat("a", Role::Learner), false, None, at(0))
        .unwrap();
    accounts.remove(&arta).unwrap();
    assert_eq!(accounts.session(&token, at(0)), None);
    assert_eq!(accounts.account(&arta), None);
}

#[tokio::test]
async fn the_code_makes_the_first_administrator_once() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    let code = accounts.first_code().unwrap();
    let (login, password) = ("Drita", "një fjalë e gjatë");
    let add = async |accounts: &Accounts, code: &str| {
        accounts
            .add_first_administrator(code, login, password, CLIENT, at(1))
            .await
    };
    assert_eq!(add(&accounts, "wrong").await, Err(AccountError::Code));
    drop(accounts);
    let accounts = open(folder.path());
    assert_eq!(accounts.first_code().unwrap(), code, "a restart keeps it");
    let typed = code.to_uppercase().replace('-', " ");
    let drita = add(&accounts, &typed).await.unwrap();
    assert_eq!(accounts.first_code(), None);
    assert!(!code_file(folder.path()).exists());
    assert_eq!(add(&accounts, &code).await, Err(AccountError::Code));
    assert_eq!(accounts.by_login(" drita "), Some(drita.clone()));
    assert_eq!(
        accounts.check(&drita, password, CLIENT, || at(2)).await,
        Ok(Role::Administrator)
    );
    assert_eq!(
        accounts.remove(&drita),
        Err(AccountError::LastAdministrator)
    );
    let again = accounts.add_staff(Role::Teacher, "DRITA", password);
    assert_eq!(again.await, Err(AccountError::Taken));
    drop(accounts);
    assert_eq!(open(folder.path()).first_code(), None);
}

#[test]
fn the_switch_is_off_until_somebody_turns_it_on() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = open(folder.path());
    assert!(!accounts.plain_http());
    accounts.set_plain_http(true).unwrap();
    drop(accounts);
    assert!(open(folder.path()).plain_http());
}
