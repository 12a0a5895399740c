//! A school's learners over real nodes: registered from a table, carried by a stranger's device to a sync point, named by the
//! collector, answered the same way; work at home counted; erased, and not brought back by a replay.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use pishtar::{
    engine::{self, Node, NodeOptions},
    handle::Handle,
    people::{
        LearnerView,
        accounts::{AccountId, SecretKind},
    },
};
use pishtar_mesh::{
    learner::{Attempt, LearnerEvent, LearnerId, LessonRef, What},
    people::ClassName,
};

/// Longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(90);

const LESSON: &str = "ministry/math-6-en/a";

const TABLE: &str = "name,surname,parent,phone,class
Arta,Krasniqi,Besa,044 123 456,6A
Arta,Krasniqi,Teuta,044 765 432,6A
Ђорђе,Петровић,Милан,,6A
Đorđe,Petrović,Milan,,6A
Ayşegül,Işık,Emine,045 111 222,6B
Zoran,Šabani,Ramize,049 333 444,6B
";

/// A ministry, a sync point that seeds its catalogue, a stranger's device, and a school that only the stranger meets.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let from = world.path("from");
        fs::create_dir(&from).expect("a folder");
        fs::write(from.join("a.pdf"), b"a worksheet").expect("space");
        fs::write(
            from.join("lessons.csv"),
            "file,id,title,lang,grade,subject\na.pdf,a,A,en,6,math\n",
        )
        .expect("space");
        let (workshop, out) = (world.text("workshop"), world.text("out"));
        let school = world.text("school");
        pishtar(&["ministry", "init", &workshop]);
        pishtar(&["ministry", "add", &workshop, "--from", &world.text("from")]);
        let name = "sq=Shkolla Dardania";
        pishtar(&[
            "school",
            "init",
            "--data",
            &school,
            "--id",
            "shkolla-1",
            "--name",
            name,
            "--to",
            &world.text("stick"),
        ]);
        let root = world.text("stick/shkolla-1.1.root.json");
        pishtar(&[
            "ministry",
            "publisher",
            "add",
            &workshop,
            "--id",
            "shkolla-1",
            "--name",
            name,
            "--root",
            &root,
        ]);
        pishtar(&["ministry", "sign", &workshop]);
        pishtar(&["ministry", "publish", &workshop, "--to", &out]);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        text(&self.path(name)).to_owned()
    }

    async fn node(&self, name: &str, change: impl FnOnce(&mut NodeOptions)) -> Node {
        let mut options = NodeOptions {
            data: self.path(name),
            first_root: Some(self.path("out/metadata/1.root.json")),
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
            web: "127.0.0.1:0".parse().expect("an address"),
            tls: pishtar::web::TlsChoice::Off,
            attachment: None,
            peers: Vec::new(),
            mdns: false,
            limits: pishtar::net::Limits::default(),
            publish: Vec::new(),
            follow: Vec::new(),
            quota_bytes: None,
            up_bytes_per_second: None,
            sync_point: false,
            choose_from_lan: false,
            school: None,
            network: "people".to_owned(),
        };
        change(&mut options);
        engine::start(options).await.expect("a node")
    }

    /// The table of all that the collector counted.
    async fn counted(&self) -> String {
        let out = self.text("progress.csv");
        let data = self.text("collector");
        let words = [
            "progress", "export", "--data", &data, "--format", "csv", "--out", &out,
        ];
        beside(&words).await;
        fs::read_to_string(out).expect("a table")
    }

    /// One round of the collector at the sync point.
    async fn collect(&self) -> String {
        let words = [
            "collect",
            "--once",
            "--domain",
            "nxenes.example",
            "--key",
            &self.text("workshop/keys/collection.json"),
            "--from",
            &self.text("sync"),
            "--data",
            &self.text("collector"),
            "--network",
            "people",
            "--sink",
            &format!("xapi:{}", self.text("statements.jsonl")),
        ]
        .map(str::to_owned);
        let run = move || pishtar(&words.iter().map(String::as_str).collect::<Vec<_>>());
        tokio::task::spawn_blocking(run).await.expect("it runs")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

/// Runs a command of the program, which must succeed; gives what it printed.
fn pishtar(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pishtar"))
        .args(arguments)
        .output()
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// Runs a command beside the nodes of this process, which answer it.
async fn beside(arguments: &[&str]) -> String {
    let words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let run = move || pishtar(&words.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.expect("it runs")
}

async fn address(node: &Handle) -> libp2p::Multiaddr {
    until("an address", || !node.status().listen.is_empty()).await;
    let status = node.status();
    let address = format!("{}/p2p/{}", status.listen[0], status.peer_id);
    address.parse().expect("an address")
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(LIMIT, async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited in vain for {what}");
}

fn answer(learner: &LearnerId, counter: u64) -> LearnerEvent {
    LearnerEvent {
        learner: learner.clone(),
        name: None,
        lesson: LessonRef::new(LESSON).expect("an id"),
        what: What::Attempted(Attempt {
            counter,
            item: "1".into(),
            raw: 5,
            max: 5,
        }),
    }
}

fn learners(school: &Node) -> Vec<LearnerView> {
    school
        .handle()
        .people()
        .learners()
        .expect("a school's book")
}

fn login(learner: &LearnerView) -> Option<&str> {
    learner.login.as_ref().map(|login| login.as_str())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_schools_learners_are_named_counted_at_home_and_forgotten() {
    let world = World::new();
    let out = world.path("out");
    let sync = world
        .node("sync", |options| {
            options.sync_point = true;
            options.publish = vec![out];
        })
        .await;
    let at = address(sync.handle()).await;
    let carrier = world
        .node("carrier", |options| {
            options.peers = vec![at];
            // The only way to a lesson leads through it, too.
            options.follow = vec!["*".parse().expect("a rule")];
        })
        .await;
    let at = address(carrier.handle()).await;
    let school = world
        .node("school", |options| options.peers = vec![at.clone()])
        .await;

    registered_and_named(&world, &sync, &school).await;
    let zoran = learners(&school)
        .into_iter()
        .find(|learner| learner.registration.name.as_str() == "Zoran")
        .expect("he is registered")
        .id;
    let home = world
        .node("home", |options| options.peers = vec![at.clone()])
        .await;
    counted_at_home(&world, &zoran, [&home, &carrier, &school]).await;
    assigned_lessons_are_fetched(&school).await;

    forgotten(&world, &zoran, &school).await;
    // New work of the erased learner, and all old records again, bring nothing back, not even after a restart.
    let late = home.handle().save_events(vec![answer(&zoran, 2)]).await;
    late.expect("it is saved");
    school.stop().await;
    let school = world
        .node("school", |options| options.peers = vec![at])
        .await;
    until("the late work to be at the sync point", || {
        sync.handle().status().records.carried > 0
    })
    .await;
    world.collect().await;
    assert!(!world.counted().await.contains(LESSON));
    assert_eq!(learners(&school).len(), 4);
    assert!(school.handle().people().learner(&zoran).is_err());

    for node in [home, school, carrier, sync] {
        node.stop().await;
    }
    for node in ["sync", "carrier", "home", "school"] {
        for canary in [
            "Krasniqi",
            "krasniqi",
            "Teuta",
            "38344765432",
            "zoran.sabani",
            zoran.as_str(),
        ] {
            let found = holds(&world.path(node), canary.as_bytes());
            assert!(!found, "{canary} lies readable in {node}");
        }
    }
}

/// A table, twice: what is in it twice is one, and giving it again changes nothing. The registrations reach the sync point by
/// the stranger's device, and the answers come back by it.
async fn registered_and_named(world: &World, sync: &Node, school: &Node) {
    let (data, table) = (world.text("school"), world.path("learners.csv"));
    fs::write(&table, TABLE).expect("space");
    let about = [
        "--school",
        "Shkolla Dardania",
        "--municipality",
        "Prishtinë",
    ];
    let enrol = [
        &["school", "enrol", "--data", &data, "--csv", text(&table)],
        &about[..],
    ]
    .concat();
    let said = beside(&enrol).await;
    assert!(
        said.contains("5 learners registered, 1 were known"),
        "{said}"
    );
    let said = beside(&enrol).await;
    assert!(
        said.contains("0 learners registered, 6 were known"),
        "{said}"
    );
    assert_eq!(learners(school).len(), 5);

    until("the sync point to know the school's keys", || {
        sync.handle()
            .schools()
            .iter()
            .any(|known| known.id == "shkolla-1")
    })
    .await;
    until("the registrations to arrive", || {
        sync.handle().status().records.carried > 0
    })
    .await;
    let named = || {
        learners(school)
            .iter()
            .all(|learner| login(learner).is_some())
    };
    for _ in 0..20 {
        world.collect().await;
        let waited = tokio::time::timeout(Duration::from_secs(4), until("logins", named));
        if waited.await.is_ok() {
            break;
        }
    }
    let all = learners(school);
    let mut logins: Vec<&str> = all.iter().filter_map(login).collect();
    logins.sort_unstable();
    assert_eq!(
        logins,
        [
            "arta.krasniqi2@nxenes.example",
            "arta.krasniqi@nxenes.example",
            "aysegul.isik@nxenes.example",
            "djordje.petrovic@nxenes.example",
            "zoran.sabani@nxenes.example",
        ]
    );
}

/// Work at home counts once the card let the tablet in; a stranger who knows the id adds nothing. The collector counts the same.
async fn counted_at_home(world: &World, learner: &LearnerId, nodes: [&Node; 3]) {
    let [home, stranger, school] = nodes.map(Node::handle);
    let card = school.people().card_for(learner).expect("a card").text();
    until("the home to know the school", || home.schools().len() == 1).await;
    let adopted = home.people().adopt_card(&card, "Zoran", "1234").await;
    assert_eq!(&adopted.expect("a card").id, learner);
    home.save_events(vec![answer(learner, 1)])
        .await
        .expect("it is saved");
    stranger
        .set_school(Some("shkolla-1".into()))
        .expect("space");
    stranger
        .save_events(vec![answer(learner, 7)])
        .await
        .expect("it is saved");
    until("both claims to be at the school", || {
        let export = school.people().export(learner).expect("an export");
        let reports = export["reports_by_device"].as_array().map_or(0, Vec::len);
        reports == 2
            && export["work"]
                .as_array()
                .is_some_and(|work| work.len() == 1)
    })
    .await;
    let now = jiff::Timestamp::now().as_second();
    let work = school
        .people()
        .learner_progress(learner, now)
        .expect("work");
    assert_eq!((work.lessons[0].attempts, work.lessons[0].points), (1, 5));
    let export = school
        .people()
        .export(learner)
        .expect("an export")
        .to_string();
    for held in [
        "Zoran",
        "Šabani",
        "Ramize",
        "+38349333444",
        "Shkolla Dardania",
        "Prishtinë",
        "zoran.sabani@nxenes.example",
        LESSON,
    ] {
        assert!(export.contains(held), "the export lacks {held}");
    }
    let mut counted = String::new();
    for _ in 0..20 {
        world.collect().await;
        counted = world.counted().await;
        if counted.contains(LESSON) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(counted.matches(LESSON).count(), 1, "{counted}");
}

async fn assigned_lessons_are_fetched(school: &Node) {
    let class = ClassName::new("6B").expect("a class");
    let lesson = LessonRef::new(LESSON).expect("an id");
    let now = jiff::Timestamp::now().as_second();
    let assigned = school
        .handle()
        .people()
        .assign(class, lesson, "t".into(), None, now);
    assigned.await.expect("space");
    until("the assigned lesson", || {
        let lesson = school.handle().lesson(LESSON);
        lesson.is_some_and(|lesson| lesson.followed && lesson.complete)
    })
    .await;
}

/// Forgotten at school and, as soon as the word is there, at the ministry.
async fn forgotten(world: &World, learner: &LearnerId, school: &Node) {
    let data = world.text("school");
    let account = AccountId::new(learner.as_str());
    let accounts = school.handle().accounts();
    let set = accounts.set_learner_secret(&account, SecretKind::Pin, "4711");
    set.await.expect("space");
    let export = beside(&["school", "export", "--data", &data, learner.as_str()]).await;
    assert!(export.contains("\"Pin\""), "{export}");
    let login = "zoran.sabani@nxenes.example";
    let held = ministry_holds(world, login).await.expect("he is known");
    for word in ["Ramize", "+38349333444", "Prishtinë", "shkolla-1", LESSON] {
        assert!(held.contains(word), "{word} is missing in {held}");
    }
    beside(&[
        "school",
        "erase",
        "--data",
        &data,
        "--yes",
        learner.as_str(),
    ])
    .await;
    assert_eq!(learners(school).len(), 4);
    for _ in 0..20 {
        world.collect().await;
        if !world.counted().await.contains(LESSON) {
            assert_eq!(ministry_holds(world, login).await, None);
            let held = ministry_holds(world, learner.as_str())
                .await
                .expect("an id");
            assert!(
                !held.contains(LESSON) && held.contains("\"erased\": true"),
                "{held}"
            );
            until("the account to be gone", || {
                accounts.account(&account).is_none()
            })
            .await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    panic!("the ministry did not forget");
}

/// What the collector holds on a learner, by login or id; `None` when it knows no such learner.
async fn ministry_holds(world: &World, learner: &str) -> Option<String> {
    let words = [
        "progress",
        "learner",
        "--data",
        &world.text("collector"),
        learner,
    ];
    let words = words.map(str::to_owned);
    let run = move || {
        let output = Command::new(env!("CARGO_BIN_EXE_pishtar"))
            .args(words)
            .output();
        let output = output.expect("the program runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(said)
    };
    tokio::task::spawn_blocking(run).await.expect("it runs")
}

/// Whether any file below the folder holds these bytes.
fn holds(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .any(|entry| {
            let path = entry.path();
            match path.is_dir() {
                true => holds(&path, needle),
                false => fs::read(&path)
                    .is_ok_and(|bytes| bytes.windows(needle.len()).any(|at| at == needle)),
            }
        })
}
