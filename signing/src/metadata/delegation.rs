//! Delegations (TUF 4.5): which role may vouch for which target paths, by globs, hash prefixes or bins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::key::{KeyId, PublicKey, RoleKeys};

use super::fields::{self, Object};
use super::{MetadataError, RoleName, TargetPath};

/// Most path patterns or hash prefixes of one delegation. A path is compared with all of them.
pub const MAX_PATTERNS: usize = 4_096;

/// The `delegations` of a targets role.
#[derive(Debug, Clone, PartialEq)]
pub struct Delegations {
    /// Keys that the delegated roles use.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// In order of priority.
    pub roles: Vec<DelegatedRole>,
    /// Bins instead of named roles (TAP 15).
    pub succinct: Option<Succinct>,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

/// One delegated role as its delegator describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct DelegatedRole {
    /// Its name.
    pub name: RoleName,
    /// Who must sign it.
    pub keys: RoleKeys,
    /// Whether the search for a path in `scope` ends here.
    pub terminating: bool,
    /// What it may vouch for.
    pub scope: Scope,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

/// Which target paths a delegation covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Any of these globs matches.
    Paths(Vec<PathPattern>),
    /// The hex SHA-256 of the path starts with any of these.
    HashPrefixes(Vec<String>),
    /// The first `bit_length` bits of the path's SHA-256 are `index` (TAP 15). Never written by itself.
    Bin {
        /// 1 to 32.
        bit_length: u32,
        /// Number of the bin.
        index: u64,
    },
}

/// A glob over target paths: `*`, `?` and `[...]` match within one `/`-separated part, never across it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathPattern(pub String);

/// Hashed bins described by a name prefix and a number of bits (TAP 15).
#[derive(Debug, Clone, PartialEq)]
pub struct Succinct {
    /// Who signs every bin.
    pub keys: RoleKeys,
    /// Bins are `2^bit_length`; 1 to 32.
    pub bit_length: u32,
    /// First part of every bin's name.
    pub name_prefix: String,
    /// Fields that we do not know, kept.
    pub extra: Map<String, Value>,
}

impl Delegations {
    /// Delegations to nobody.
    pub fn empty() -> Delegations {
        Delegations {
            keys: BTreeMap::new(),
            roles: Vec::new(),
            succinct: None,
            extra: Map::new(),
        }
    }

    /// The entry of the named role.
    pub fn role(&self, name: &RoleName) -> Option<&DelegatedRole> {
        self.roles.iter().find(|role| role.name == *name)
    }

    pub(super) fn from_json(mut object: Object) -> Result<Delegations, MetadataError> {
        let keys = fields::take_keys(&mut object)?;
        let roles: Option<Vec<Object>> = fields::take_optional(&mut object, "roles")?;
        let succinct: Option<Object> = fields::take_optional(&mut object, "succinct_roles")?;
        let problem = |text: &str| MetadataError::Field {
            field: "delegations".to_owned(),
            problem: text.to_owned(),
        };
        if roles.is_some() == succinct.is_some() {
            return Err(problem("must have either `roles` or `succinct_roles`"));
        }
        let roles: Vec<DelegatedRole> = roles
            .unwrap_or_default()
            .into_iter()
            .map(DelegatedRole::from_json)
            .collect::<Result<_, _>>()?;
        let mut names: Vec<&RoleName> = roles.iter().map(|role| &role.name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(problem("the same role is listed twice"));
        }
        Ok(Delegations {
            keys,
            succinct: succinct.map(Succinct::from_json).transpose()?,
            roles,
            extra: object,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let mut object = self.extra.clone();
        object.insert("keys".to_owned(), fields::keys_to_json(&self.keys));
        match &self.succinct {
            Some(succinct) => object.insert("succinct_roles".to_owned(), succinct.to_json()),
            None => {
                let roles: Vec<Value> = self.roles.iter().map(DelegatedRole::to_json).collect();
                object.insert("roles".to_owned(), roles.into())
            }
        };
        object.into()
    }
}

impl DelegatedRole {
    fn from_json(mut object: Object) -> Result<DelegatedRole, MetadataError> {
        let problem = |field: &str, text: &str| MetadataError::Field {
            field: field.to_owned(),
            problem: text.to_owned(),
        };
        let name: RoleName = fields::take(&mut object, "name")?;
        if name.is_top() {
            return Err(problem(
                "name",
                "a delegated role cannot be called `targets`",
            ));
        }
        let keys = fields::take_role_keys(&mut object)?;
        let terminating = fields::take_optional(&mut object, "terminating")?.unwrap_or(false);
        let paths = fields::take_optional(&mut object, "paths")?;
        let prefixes = fields::take_optional(&mut object, "path_hash_prefixes")?;
        let scope = match (paths, prefixes) {
            (Some(paths), None) => Scope::Paths(paths),
            (None, Some(prefixes)) => Scope::HashPrefixes(prefixes),
            _ => {
                return Err(problem(
                    "roles",
                    "a role needs either `paths` or `path_hash_prefixes`",
                ));
            }
        };
        if scope.patterns() > MAX_PATTERNS {
            return Err(problem(
                "roles",
                &format!("more than {MAX_PATTERNS} path patterns or hash prefixes in one role"),
            ));
        }
        Ok(DelegatedRole {
            name,
            keys,
            terminating,
            scope,
            extra: object,
        })
    }

    fn to_json(&self) -> Value {
        let mut object = self.extra.clone();
        object.insert("name".to_owned(), self.name.as_str().into());
        object.insert("terminating".to_owned(), self.terminating.into());
        fields::put_role_keys(&mut object, &self.keys);
        match &self.scope {
            Scope::Paths(paths) => object.insert(
                "paths".to_owned(),
                paths.iter().map(|p| Value::from(p.0.clone())).collect(),
            ),
            Scope::HashPrefixes(prefixes) => object.insert(
                "path_hash_prefixes".to_owned(),
                prefixes.iter().map(|p| Value::from(p.clone())).collect(),
            ),
            // `succinct_roles` says it; as a role of its own it covers nothing.
            Scope::Bin { .. } => object.insert("paths".to_owned(), Value::Array(Vec::new())),
        };
        object.into()
    }
}

impl Scope {
    fn patterns(&self) -> usize {
        match self {
            Scope::Paths(patterns) => patterns.len(),
            Scope::HashPrefixes(prefixes) => prefixes.len(),
            Scope::Bin { .. } => 1,
        }
    }

    /// Whether the delegation covers `path`.
    pub fn covers(&self, path: &TargetPath) -> bool {
        match self {
            Scope::Paths(patterns) => patterns
                .iter()
                .any(|pattern| pattern.matches(path.as_str())),
            Scope::HashPrefixes(prefixes) => {
                let hash = hex::encode(Sha256::digest(path.as_str()));
                prefixes
                    .iter()
                    .any(|prefix| hash.starts_with(prefix.as_str()))
            }
            Scope::Bin { bit_length, index } => bin_of(path, *bit_length) == *index,
        }
    }
}

impl PathPattern {
    /// Whether the whole of `path` matches.
    pub fn matches(&self, path: &str) -> bool {
        let (mut patterns, mut parts) = (self.0.split('/'), path.split('/'));
        loop {
            match (patterns.next(), parts.next()) {
                (None, None) => return true,
                (Some(pattern), Some(part)) if part_matches(pattern, part) => {}
                _ => return false,
            }
        }
    }
}

/// Glob match of one path part. Keeps only the last `*` to fall back to, so the time is at most the product of the lengths.
fn part_matches(pattern: &str, part: &str) -> bool {
    if pattern == "*" || !pattern.contains(['*', '?', '[']) {
        return pattern == "*" || pattern == part;
    }
    let (pattern, part): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), part.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut fallback: Option<(usize, usize)> = None;
    while t < part.len() {
        if pattern.get(p) == Some(&'*') {
            fallback = Some((p + 1, t));
            p += 1;
        } else if let Some(width) = pattern
            .get(p)
            .and_then(|_| one_matches(&pattern[p..], part[t]))
        {
            p += width;
            t += 1;
        } else if let Some((after_star, from)) = fallback {
            fallback = Some((after_star, from + 1));
            (p, t) = (after_star, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How many pattern characters stand for `c` at the start of `pattern`, when they match it.
fn one_matches(pattern: &[char], c: char) -> Option<usize> {
    match pattern[0] {
        '?' => Some(1),
        '[' => match bracket(pattern, c) {
            Some((width, matched)) => matched.then_some(width),
            None => (c == '[').then_some(1),
        },
        literal => (literal == c).then_some(1),
    }
}

/// Width of the `[...]` at the start of `pattern` and whether it holds `c`; `None` when it is not closed.
fn bracket(pattern: &[char], c: char) -> Option<(usize, bool)> {
    let negated = pattern.get(1) == Some(&'!');
    let first = 1 + usize::from(negated);
    // A `]` in first place is a member, not the end (glob(7)).
    let end = (first + 1..pattern.len()).find(|i| pattern[*i] == ']')?;
    let set = &pattern[first..end];
    let (mut i, mut found) = (0, false);
    while i < set.len() {
        if i + 2 < set.len() && set[i + 1] == '-' {
            found |= (set[i]..=set[i + 2]).contains(&c);
            i += 3;
        } else {
            found |= set[i] == c;
            i += 1;
        }
    }
    Some((end + 1, found != negated))
}

fn bin_of(path: &TargetPath, bit_length: u32) -> u64 {
    let digest = Sha256::digest(path.as_str());
    let first = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    u64::from(first) >> (32 - bit_length)
}

impl Succinct {
    /// Number of bins.
    pub fn count(&self) -> u64 {
        1 << self.bit_length
    }

    /// Name of bin `index`: the prefix, a dash, the index in hex with leading zeros.
    ///
    /// # Errors
    /// [`MetadataError::Field`] when the prefix makes an impossible role name.
    pub fn bin(&self, index: u64) -> Result<RoleName, MetadataError> {
        let width = (self.bit_length as usize).div_ceil(4);
        RoleName::new(format!("{}-{index:0width$x}", self.name_prefix)).map_err(|error| {
            MetadataError::Field {
                field: "name_prefix".to_owned(),
                problem: error.to_string(),
            }
        })
    }

    /// Index of the bin that covers `path`: the first `bit_length` bits of its SHA-256.
    pub fn index_of(&self, path: &TargetPath) -> u64 {
        bin_of(path, self.bit_length)
    }

    fn from_json(mut object: Object) -> Result<Succinct, MetadataError> {
        let keys = fields::take_role_keys(&mut object)?;
        let bit_length: u32 = fields::take(&mut object, "bit_length")?;
        if !(1..=32).contains(&bit_length) {
            return Err(MetadataError::Field {
                field: "bit_length".to_owned(),
                problem: "must be 1 to 32".to_owned(),
            });
        }
        Ok(Succinct {
            keys,
            bit_length,
            name_prefix: fields::take(&mut object, "name_prefix")?,
            extra: object,
        })
    }

    fn to_json(&self) -> Value {
        let mut object = self.extra.clone();
        fields::put_role_keys(&mut object, &self.keys);
        object.insert("bit_length".to_owned(), self.bit_length.into());
        object.insert("name_prefix".to_owned(), self.name_prefix.clone().into());
        object.into()
    }
}
