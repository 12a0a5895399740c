//! Taking typed fields out of a JSON object; what is left over is kept as unknown fields.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::key::{KeyId, PublicKey, RoleKeys};

use super::{FileMeta, Hashes, MetadataError, TargetFile};

pub(super) type Object = Map<String, Value>;

fn bad(field: &str, problem: impl ToString) -> MetadataError {
    MetadataError::Field {
        field: field.to_owned(),
        problem: problem.to_string(),
    }
}

/// Removes and reads a field that must be there.
pub(super) fn take<T: DeserializeOwned>(
    object: &mut Object,
    field: &str,
) -> Result<T, MetadataError> {
    take_optional(object, field)?.ok_or_else(|| bad(field, "missing"))
}

/// Removes and reads a field that may be absent.
pub(super) fn take_optional<T: DeserializeOwned>(
    object: &mut Object,
    field: &str,
) -> Result<Option<T>, MetadataError> {
    let Some(value) = object.remove(field) else {
        return Ok(None);
    };
    serde_json::from_value(value)
        .map(Some)
        .map_err(|error| bad(field, error))
}

/// Removes and reads a version or threshold: an integer of at least 1.
pub(super) fn take_positive(object: &mut Object, field: &str) -> Result<u64, MetadataError> {
    match take(object, field)? {
        0 => Err(bad(field, "must be at least 1")),
        number => Ok(number),
    }
}

/// Removes and reads a table of keys.
pub(super) fn take_keys(object: &mut Object) -> Result<BTreeMap<KeyId, PublicKey>, MetadataError> {
    let table: BTreeMap<KeyId, Object> = take(object, "keys")?;
    table
        .into_iter()
        .map(|(id, key)| Ok((id, PublicKey::from_json(key).map_err(|e| bad("keys", e))?)))
        .collect()
}

/// Removes and reads `keyids` and `threshold`.
pub(super) fn take_role_keys(object: &mut Object) -> Result<RoleKeys, MetadataError> {
    let listed: Vec<KeyId> = take(object, "keyids")?;
    let count = listed.len();
    let keyids: BTreeSet<KeyId> = listed.into_iter().collect();
    if keyids.len() != count {
        return Err(bad("keyids", "the same key id is listed twice"));
    }
    Ok(RoleKeys {
        keyids,
        threshold: take_positive(object, "threshold")?,
    })
}

pub(super) fn file_meta(mut object: Object) -> Result<FileMeta, MetadataError> {
    Ok(FileMeta {
        version: take_positive(&mut object, "version")?,
        length: take_optional(&mut object, "length")?,
        hashes: take_hashes(&mut object)?,
        extra: object,
    })
}

pub(super) fn target_file(mut object: Object) -> Result<TargetFile, MetadataError> {
    Ok(TargetFile {
        length: take(&mut object, "length")?,
        hashes: take_hashes(&mut object)?.ok_or_else(|| bad("hashes", "missing"))?,
        custom: take_optional(&mut object, "custom")?.unwrap_or_default(),
        extra: object,
    })
}

fn take_hashes(object: &mut Object) -> Result<Option<Hashes>, MetadataError> {
    match take_optional::<Hashes>(object, "hashes")? {
        Some(hashes) if hashes.0.is_empty() => Err(bad("hashes", "empty")),
        hashes => Ok(hashes),
    }
}

pub(super) fn keys_to_json(keys: &BTreeMap<KeyId, PublicKey>) -> Value {
    keys.iter()
        .map(|(id, key)| (id.0.clone(), Value::Object(key.to_json().clone())))
        .collect::<Object>()
        .into()
}

/// `keyids` and `threshold` added to `object`.
pub(super) fn put_role_keys(object: &mut Object, keys: &RoleKeys) {
    let ids: Vec<Value> = keys.keyids.iter().map(|id| id.0.clone().into()).collect();
    object.insert("keyids".to_owned(), ids.into());
    object.insert("threshold".to_owned(), keys.threshold.into());
}

pub(super) fn file_meta_to_json(meta: &FileMeta) -> Value {
    let mut object = meta.extra.clone();
    object.insert("version".to_owned(), meta.version.into());
    if let Some(length) = meta.length {
        object.insert("length".to_owned(), length.into());
    }
    if let Some(hashes) = &meta.hashes {
        object.insert("hashes".to_owned(), hashes_to_json(hashes));
    }
    object.into()
}

pub(super) fn target_file_to_json(file: &TargetFile) -> Value {
    let mut object = file.extra.clone();
    object.insert("length".to_owned(), file.length.into());
    object.insert("hashes".to_owned(), hashes_to_json(&file.hashes));
    if !file.custom.is_empty() {
        object.insert("custom".to_owned(), file.custom.clone().into());
    }
    object.into()
}

fn hashes_to_json(hashes: &Hashes) -> Value {
    hashes
        .0
        .iter()
        .map(|(name, hex)| (name.clone(), hex.clone().into()))
        .collect::<Object>()
        .into()
}
