//! What a file changes, in plain words, made from its bytes alone: this is what a signer agrees to.
//!
//! Nothing here comes from what the stick says about the bytes but the names of keys, which are shown with their ids.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pishtar_catalog::{LessonId, target};
use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::key::{KeyId, PublicKey, RoleKeys};
use pishtar_signing::metadata::{Root, Snapshot, TargetFile, TargetPath, Targets, format_utc};

use super::super::error::MinistryError;
use super::super::roles::DAY;
use super::parsed::Parsed;
use super::stick::{Case, Standing, printable};

/// How many lessons or files are listed one by one.
const LISTED: usize = 50;

/// What the file says and how it differs from the version before.
pub(super) fn summary(case: &Case, now: UnixSeconds) -> String {
    let (version, expires) = case.new.header();
    let before = case.previous.as_ref().map(|previous| previous.header().0);
    let mut out = format!(
        "{} of the publisher {}",
        title(&case.file.role, version),
        case.request.publisher
    );
    out += &match before {
        Some(before) => format!(", after version {before}\n"),
        None => ", with no version before to compare with\n".into(),
    };
    if before.is_some_and(|before| before >= version) {
        out += "  WARNING: it does not raise the version: clients refuse it\n";
    }
    let days = (expires - now) / DAY;
    let _ = writeln!(
        out,
        "  expires {} ({days} days from now, by this machine's clock)",
        &format_utc(expires)[..10]
    );
    match (&case.new, &case.previous) {
        (Parsed::Root(new), Some(Parsed::Root(old))) => {
            root(&mut out, case, &new.document, Some(&old.document))
        }
        (Parsed::Root(new), _) => root(&mut out, case, &new.document, None),
        (Parsed::Targets(new), Some(Parsed::Targets(old))) => {
            targets(&mut out, case, &new.document, Some(&old.document))
        }
        (Parsed::Targets(new), _) => targets(&mut out, case, &new.document, None),
        (Parsed::Snapshot(new), Some(Parsed::Snapshot(old))) => {
            snapshot(&mut out, &new.document, Some(&old.document))
        }
        (Parsed::Snapshot(new), _) => snapshot(&mut out, &new.document, None),
        (Parsed::Timestamp(new), _) => {
            let _ = writeln!(
                out,
                "  says that snapshot version {} is the newest",
                new.document.snapshot.version
            );
        }
    }
    out
}

/// Who has signed and who may still.
pub(super) fn standing(case: &Case) -> Result<String, MinistryError> {
    let mut out = String::new();
    for Standing {
        list,
        signed,
        missing,
    } in case.standing()?
    {
        let names = |ids: &[KeyId]| {
            ids.iter()
                .map(|id| case.name(id))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let _ = write!(
            out,
            "{}: {} of {} signatures that {} asks for",
            case.file,
            signed.len(),
            list.threshold,
            list.by
        );
        if !signed.is_empty() {
            let _ = write!(out, "; signed by {}", names(&signed));
        }
        if (signed.len() as u64) < list.threshold {
            let _ = write!(out, "; missing, any of {}", names(&missing));
        }
        out += "\n";
    }
    Ok(out)
}

/// A false version before would hide a change. The signer's own signature on it tells a true one.
pub(super) fn comparison_warning(case: &Case, signer: Option<&KeyId>) -> String {
    let (Some(previous), Some(id)) = (&case.previous, signer) else {
        return String::new();
    };
    let keys = case.keys();
    let own = previous
        .signatures()
        .iter()
        .filter(|signature| signature.keyid == *id);
    let verified = own.into_iter().any(|signature| {
        keys.get(id)
            .is_some_and(|key| key.verify(previous.message(), &signature.sig))
    });
    match verified {
        true => String::new(),
        false => "  Note: this key did not sign the version before, so only what is said of the new version is sure, not what changed\n".into(),
    }
}

fn title(role: &MetaRole, version: u64) -> String {
    match role {
        MetaRole::Root => format!("Root version {version}"),
        MetaRole::Timestamp => format!("Timestamp version {version}"),
        MetaRole::Snapshot => format!("Snapshot version {version}"),
        MetaRole::Targets => format!("List of courses (targets) version {version}"),
        MetaRole::Delegated(name) => format!("Course {name} version {version}"),
    }
}

fn root(out: &mut String, case: &Case, new: &Root, old: Option<&Root>) {
    let roles = [
        ("root", &new.root, old.map(|old| &old.root)),
        ("targets", &new.targets, old.map(|old| &old.targets)),
        ("snapshot", &new.snapshot, old.map(|old| &old.snapshot)),
        ("timestamp", &new.timestamp, old.map(|old| &old.timestamp)),
    ];
    for (name, now, before) in roles {
        keys(out, case, name, now, before, &new.keys);
    }
}

/// How many of which keys must sign; what stays, comes and goes.
fn keys(
    out: &mut String,
    case: &Case,
    name: &str,
    new: &RoleKeys,
    old: Option<&RoleKeys>,
    known: &BTreeMap<KeyId, PublicKey>,
) {
    if old == Some(new) {
        let _ = writeln!(
            out,
            "  {name}: {} of {} keys must sign, as before",
            new.threshold,
            new.keyids.len()
        );
        return;
    }
    let _ = write!(
        out,
        "  {name}: {} of {} keys must sign",
        new.threshold,
        new.keyids.len()
    );
    match old {
        Some(old) => {
            let _ = writeln!(
                out,
                "; before it was {} of {}",
                old.threshold,
                old.keyids.len()
            );
        }
        None => out.push('\n'),
    }
    let none = BTreeSet::new();
    let before = old.map_or(&none, |old| &old.keyids);
    for id in new.keyids.union(before) {
        let word = match (new.keyids.contains(id), before.contains(id)) {
            (true, true) => "stays",
            (true, false) => "new  ",
            _ => "gone ",
        };
        let kind = known.get(id).map_or("", PublicKey::keytype);
        let _ = writeln!(out, "    {word}  {} {kind}", case.name(id));
    }
}

fn targets(out: &mut String, case: &Case, new: &Targets, old: Option<&Targets>) {
    let none = BTreeMap::new();
    let before = old.map_or(&none, |old| &old.targets);
    let (lessons, others): (Groups<'_>, Groups<'_>) = groups(&new.targets, before)
        .into_iter()
        .partition(|(name, _)| LessonId::new(name).is_ok());
    changes(out, "lessons", &lessons);
    changes(out, "other files", &others);
    delegations(out, case, new, old);
}

/// The files of one lesson, or one other file: as it is and as it was.
#[derive(Default, PartialEq)]
struct Group<'g> {
    new: BTreeMap<&'g TargetPath, &'g TargetFile>,
    old: BTreeMap<&'g TargetPath, &'g TargetFile>,
}

type Groups<'g> = BTreeMap<String, Group<'g>>;

fn groups<'g>(
    new: &'g BTreeMap<TargetPath, TargetFile>,
    old: &'g BTreeMap<TargetPath, TargetFile>,
) -> Groups<'g> {
    let name = |path: &TargetPath| match path.as_str().rsplit_once('/') {
        Some((folder, _)) if LessonId::new(folder).is_ok() => folder.to_owned(),
        _ => path.to_string(),
    };
    let mut groups = Groups::new();
    for (path, file) in new {
        groups.entry(name(path)).or_default().new.insert(path, file);
    }
    for (path, file) in old {
        groups.entry(name(path)).or_default().old.insert(path, file);
    }
    groups
}

fn changes(out: &mut String, what: &str, groups: &Groups<'_>) {
    let (mut listed, mut same) = (Vec::new(), 0);
    for (name, group) in groups {
        let word = match (group.old.is_empty(), group.new.is_empty()) {
            (true, _) => "new      ",
            (_, true) => "withdrawn",
            _ if group.new == group.old => {
                same += 1;
                continue;
            }
            _ => "changed  ",
        };
        listed.push(format!("    {word}  {name}{}\n", described(name, group)));
    }
    if listed.is_empty() && same == 0 {
        return;
    }
    let _ = writeln!(
        out,
        "  {what}: {} change, {same} stay as they were",
        listed.len()
    );
    out.extend(listed.iter().take(LISTED).map(String::as_str));
    if listed.len() > LISTED {
        let _ = writeln!(out, "    and {} more", listed.len() - LISTED);
    }
}

/// A lesson's title, files and size, as the new version has them.
fn described(name: &str, group: &Group<'_>) -> String {
    let files = if group.new.is_empty() {
        &group.old
    } else {
        &group.new
    };
    let bytes: u64 = files.values().map(|file| file.length).sum();
    let title = LessonId::new(name).ok().and_then(|id| {
        let mut drafts = files
            .values()
            .filter_map(|file| target::parse(&file.custom, &id).ok()?.1);
        let draft = drafts.next()?;
        draft
            .title
            .get(&draft.language)
            .or_else(|| draft.title.values().next())
            .cloned()
    });
    let title = title
        .map(|title| format!("  “{}”", printable(&title)))
        .unwrap_or_default();
    format!(
        "{title}  ({} files, {:.1} MB)",
        files.len(),
        bytes as f64 / 1e6
    )
}

fn delegations(out: &mut String, case: &Case, new: &Targets, old: Option<&Targets>) {
    let roles = |targets: &Targets| -> BTreeMap<String, RoleKeys> {
        let roles = targets
            .delegations
            .iter()
            .flat_map(|delegations| &delegations.roles);
        roles
            .map(|role| (role.name.to_string(), role.keys.clone()))
            .collect()
    };
    let (new_roles, old_roles) = (roles(new), old.map(roles).unwrap_or_default());
    if new_roles.is_empty() && old_roles.is_empty() {
        return;
    }
    let known = new
        .delegations
        .as_ref()
        .map(|d| d.keys.clone())
        .unwrap_or_default();
    let same = new_roles
        .iter()
        .filter(|(name, keys)| old_roles.get(*name) == Some(keys))
        .count();
    let _ = writeln!(
        out,
        "  courses: {} in all, {same} with the keys that they had",
        new_roles.len()
    );
    for (name, role) in new_roles
        .iter()
        .filter(|(name, role)| old_roles.get(*name) != Some(role))
    {
        let title = format!("course {name}");
        keys(out, case, &title, role, old_roles.get(name), &known);
    }
    for name in old_roles
        .keys()
        .filter(|name| !new_roles.contains_key(*name))
    {
        let _ = writeln!(out, "    ended  course {name}");
    }
}

fn snapshot(out: &mut String, new: &Snapshot, old: Option<&Snapshot>) {
    let before = |name| {
        old.and_then(|old| old.meta.get(name))
            .map(|meta| meta.version)
    };
    let mut same = 0;
    for (name, meta) in &new.meta {
        match before(name) {
            Some(version) if version == meta.version => same += 1,
            Some(version) if version > meta.version => {
                let _ = writeln!(
                    out,
                    "  WARNING: {name} goes back from version {version} to {}: clients refuse it",
                    meta.version
                );
            }
            Some(version) => {
                let _ = writeln!(out, "  {name}: version {version} to {}", meta.version);
            }
            None => {
                let _ = writeln!(out, "  {name}: version {}, new", meta.version);
            }
        }
    }
    let gone = old.map_or(0, |old| {
        old.meta
            .keys()
            .filter(|name| !new.meta.contains_key(*name))
            .count()
    });
    if gone > 0 {
        let _ = writeln!(
            out,
            "  WARNING: {gone} roles are no longer listed: clients refuse it"
        );
    }
    let _ = writeln!(out, "  {same} roles stay as they were");
}
