//! Who takes part in the demo, and where their things lie.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::PoisonError,
};

use anyhow::{Context, bail};

use super::{
    Stop,
    child::{Node, command, tell},
    liar::{self, Liar},
    narrator::{Names, Narrator},
    samples::{self, Version},
};

/// The ministry's folder, its catalogue and its commands.
#[derive(Debug, Clone)]
pub(super) struct Workshop {
    folder: PathBuf,
}

impl Workshop {
    /// `pishtar ministry init`.
    pub(super) fn init(below: &Path) -> anyhow::Result<Self> {
        let workshop = Self {
            folder: below.join("workshop"),
        };
        command(&["ministry", "init", text(&workshop.folder)?])?;
        Ok(workshop)
    }

    /// `pishtar ministry add` with the samples of one version.
    pub(super) fn add(&self, version: Version) -> anyhow::Result<()> {
        let source = self.folder.with_file_name(format!("samples-{version:?}"));
        samples::write(version, &source)
            .with_context(|| format!("cannot write {}", source.display()))?;
        let table = source.join("lessons.csv");
        command(&[
            "ministry",
            "add",
            text(&self.folder)?,
            "--from",
            text(&source)?,
            "--csv",
            text(&table)?,
        ])?;
        Ok(())
    }

    /// `pishtar ministry withdraw`.
    pub(super) fn withdraw(&self, lesson: &str) -> anyhow::Result<()> {
        command(&["ministry", "withdraw", text(&self.folder)?, lesson]).map(drop)
    }

    /// `pishtar ministry sign` and `publish`, then `verify` from the first root alone, as a school would.
    pub(super) fn publish(&self) -> anyhow::Result<()> {
        command(&["ministry", "sign", text(&self.folder)?])?;
        command(&["ministry", "publish", text(&self.folder)?])?;
        let verdict = command(&["ministry", "verify", text(&self.published())?])?;
        verdict
            .lines()
            .take(3)
            .for_each(|line| tell("ministry", line.trim()));
        Ok(())
    }

    /// The published folder.
    pub(super) fn published(&self) -> PathBuf {
        self.folder.join("published")
    }

    /// The first root: all that a node has to be given.
    pub(super) fn first_root(&self) -> PathBuf {
        self.published().join("metadata/1.root.json")
    }

    /// `pishtar collect`, one round at a sync point; statements go to a file.
    pub(super) fn collect(
        &self,
        from: &str,
        network: &str,
        statements: &Path,
    ) -> anyhow::Result<()> {
        let key = self.folder.join("keys/collection.json");
        let data = self.folder.with_file_name("collector");
        let sink = format!("xapi:{}", text(statements)?);
        let place = [
            "collect",
            "--once",
            "--network",
            network,
            "--from",
            from,
            "--sink",
            &sink,
        ];
        let own = ["--key", text(&key)?, "--data", text(&data)?];
        command(&[&place[..], &own].concat())?
            .lines()
            .for_each(|line| tell("ministry", line));
        Ok(())
    }
}

/// Everything that runs. Fields are dropped in this order: voices first, then the nodes from the family up.
#[derive(Debug)]
pub(super) struct Stage {
    voices: Vec<Narrator>,
    names: Names,
    pub(super) family: Option<Node>,
    pub(super) liar: Option<Liar>,
    pub(super) school: Node,
    pub(super) ministry: Node,
    pub(super) workshop: Workshop,
    pub(super) folder: PathBuf,
    network: String,
}

impl Stage {
    /// Starts the ministry's seed and the school's node, which is the sync point.
    pub(super) fn open(folder: &Path, workshop: Workshop, stop: &Stop) -> anyhow::Result<Self> {
        // A tag of its own keeps the demo apart from real nodes and from other demos.
        let network = format!("demo-{}", std::process::id());
        let root = workshop.first_root();
        let common = ["--network".to_owned(), network.clone()];
        let published = text(&workshop.published())?.to_owned();
        let seed = [&common[..], &["--publish".to_owned(), published]].concat();
        let ministry = Node::start("ministry", folder, &root, &seed, stop)?;
        let names = Names::default();
        let mut voices = Vec::new();
        introduce(&ministry, "the ministry", &names, &mut voices)?;
        let asks = [
            "--follow",
            "all",
            "--sync-point",
            "--peer",
            &ministry.address()?,
        ]
        .map(str::to_owned);
        let school = Node::start(
            "school",
            folder,
            &root,
            &[&common[..], &asks].concat(),
            stop,
        )?;
        introduce(&school, "the school", &names, &mut voices)?;
        let folder = folder.to_owned();
        Ok(Self {
            voices,
            names,
            family: None,
            liar: None,
            school,
            ministry,
            workshop,
            folder,
            network,
        })
    }

    /// Starts the lying neighbour and the family's node, which knows the school and the liar.
    pub(super) fn bring_family(
        &mut self,
        runtime: &tokio::runtime::Handle,
        stop: &Stop,
    ) -> anyhow::Result<()> {
        let liar = liar::start(runtime, &self.network, &self.school.address()?)?;
        self.note(&liar.peer_id, "the liar");
        let rules = ["--network", &self.network, "--follow", "grade=6"];
        let peers = ["--peer", &liar.address, "--peer", &self.school.address()?];
        let arguments: Vec<String> = rules
            .iter()
            .chain(&peers)
            .map(|&word| word.to_owned())
            .collect();
        let family = Node::start(
            "family",
            &self.folder,
            &self.workshop.first_root(),
            &arguments,
            stop,
        )?;
        self.liar = Some(liar);
        introduce(&family, "the family", &self.names, &mut self.voices)?;
        self.family = Some(family);
        Ok(())
    }

    /// The network tag of this demo.
    pub(super) fn network(&self) -> &str {
        &self.network
    }

    fn note(&self, peer_id: &str, name: &'static str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(peer_id.to_owned(), name);
    }

    /// The family's node.
    ///
    /// # Errors
    /// Before [`bring_family`](Self::bring_family).
    pub(super) fn family(&self) -> anyhow::Result<&Node> {
        self.family
            .as_ref()
            .context("the family's node does not run")
    }

    /// Prints where the pages are, for a person.
    pub(super) fn print_addresses(&self) {
        println!();
        for node in [
            Some(&self.ministry),
            Some(&self.school),
            self.family.as_ref(),
        ]
        .into_iter()
        .flatten()
        {
            let pages = node.pages().unwrap_or_else(|error| error.to_string());
            println!(
                "{:>9} | pages {pages}   ask it: pishtar status --data {}",
                node.name(),
                node.data().display()
            );
        }
        println!("\nOpen the family's pages and play a lesson. Ctrl-C ends the demo.\n");
    }

    /// Fails when a node has ended by itself.
    pub(super) fn check_alive(&mut self) -> anyhow::Result<()> {
        let nodes = [
            Some(&mut self.ministry),
            Some(&mut self.school),
            self.family.as_mut(),
        ];
        let dead: Vec<&str> = nodes
            .into_iter()
            .flatten()
            .filter_map(|n| (!n.is_alive()).then(|| n.name()))
            .collect();
        if dead.is_empty() {
            return Ok(());
        }
        bail!(
            "the node of the {} ended by itself; see the .log files in {}",
            dead.join(", "),
            self.folder.display()
        )
    }
}

fn introduce(
    node: &Node,
    as_name: &'static str,
    names: &Names,
    voices: &mut Vec<Narrator>,
) -> anyhow::Result<()> {
    let peer_id = node.status()?.peer_id;
    names
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(peer_id, as_name);
    voices.push(Narrator::start(
        node.name(),
        node.data().to_owned(),
        names.clone(),
    ));
    tell(
        node.name(),
        &format!("is running, pages at {}", node.pages()?),
    );
    Ok(())
}

/// A path as a command's argument.
fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| {
        format!(
            "{} is not UTF-8; choose another folder with --dir",
            path.display()
        )
    })
}

/// Names and values for a sentence about a lesson's state.
pub(super) fn summary(rows: &[crate::handle::status::LessonRow]) -> String {
    let states: BTreeMap<&str, bool> = rows
        .iter()
        .map(|row| (row.id.as_str(), row.complete))
        .collect();
    format!("{states:?}")
}
