//! The four documents, read from and written to the `signed` object of a file (TUF 4.3 to 4.6).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::key::RoleKeys;

use super::fields::{self, Object};
use super::{
    Delegations, Document, FileMeta, Header, MetadataError, RoleName, Root, Snapshot, TargetFile,
    TargetPath, Targets, Timestamp,
};

/// Keys and threshold of a top-level role. What else the role's object holds stays in `roles`.
fn take_top_role(roles: &mut Object, name: &str) -> Result<RoleKeys, MetadataError> {
    let mut role: Object = fields::take(roles, name)?;
    let keys = fields::take_role_keys(&mut role)?;
    if !role.is_empty() {
        roles.insert(name.to_owned(), role.into());
    }
    Ok(keys)
}

/// What [`take_top_role`] left of an object that was kept, to be filled again.
fn take_kept(object: &mut Object, name: &str) -> Object {
    match object.remove(name) {
        Some(Value::Object(kept)) => kept,
        _ => Object::new(),
    }
}

impl Document for Root {
    const TYPE: &'static str = "root";

    fn read(header: Header, mut object: Object) -> Result<Root, MetadataError> {
        let mut roles: Object = fields::take(&mut object, "roles")?;
        let [root, timestamp, snapshot, targets] = ["root", "timestamp", "snapshot", "targets"]
            .map(|name| take_top_role(&mut roles, name));
        let consistent_snapshot = fields::take_optional(&mut object, "consistent_snapshot")?;
        let keys = fields::take_keys(&mut object)?;
        if !roles.is_empty() {
            object.insert("roles".to_owned(), roles.into());
        }
        Ok(Root {
            spec_version: header.spec_version,
            version: header.version,
            expires: header.expires,
            consistent_snapshot: consistent_snapshot.unwrap_or(false),
            keys,
            root: root?,
            timestamp: timestamp?,
            snapshot: snapshot?,
            targets: targets?,
            extra: object,
        })
    }

    fn header(&self) -> Header {
        Header {
            spec_version: self.spec_version.clone(),
            version: self.version,
            expires: self.expires,
        }
    }

    fn extra(&self) -> &Object {
        &self.extra
    }

    fn write(&self) -> Object {
        let mut object = self.extra.clone();
        object.insert(
            "consistent_snapshot".to_owned(),
            self.consistent_snapshot.into(),
        );
        object.insert("keys".to_owned(), fields::keys_to_json(&self.keys));
        let mut roles = take_kept(&mut object, "roles");
        let named = [
            ("root", &self.root),
            ("timestamp", &self.timestamp),
            ("snapshot", &self.snapshot),
            ("targets", &self.targets),
        ];
        for (name, keys) in named {
            let mut role = take_kept(&mut roles, name);
            fields::put_role_keys(&mut role, keys);
            roles.insert(name.to_owned(), role.into());
        }
        object.insert("roles".to_owned(), roles.into());
        object
    }
}

impl Document for Timestamp {
    const TYPE: &'static str = "timestamp";

    fn read(header: Header, mut object: Object) -> Result<Timestamp, MetadataError> {
        let mut meta: Object = fields::take(&mut object, "meta")?;
        Ok(Timestamp {
            spec_version: header.spec_version,
            version: header.version,
            expires: header.expires,
            snapshot: fields::file_meta(fields::take(&mut meta, "snapshot.json")?)?,
            extra: object,
        })
    }

    fn header(&self) -> Header {
        Header {
            spec_version: self.spec_version.clone(),
            version: self.version,
            expires: self.expires,
        }
    }

    fn extra(&self) -> &Object {
        &self.extra
    }

    fn write(&self) -> Object {
        let mut object = self.extra.clone();
        object.insert(
            "meta".to_owned(),
            json!({"snapshot.json": fields::file_meta_to_json(&self.snapshot)}),
        );
        object
    }
}

impl Document for Snapshot {
    const TYPE: &'static str = "snapshot";

    fn read(header: Header, mut object: Object) -> Result<Snapshot, MetadataError> {
        let listed: Object = fields::take(&mut object, "meta")?;
        let mut meta: BTreeMap<RoleName, FileMeta> = BTreeMap::new();
        for (file, entry) in listed {
            let problem = |problem: String| MetadataError::Field {
                field: format!("meta.{file}"),
                problem,
            };
            // Old tools list root.json here as well; nothing may be concluded from it.
            if file == "root.json" {
                continue;
            }
            let name = file
                .strip_suffix(".json")
                .ok_or_else(|| problem("does not end in .json".to_owned()))?;
            let role = RoleName::new(name).map_err(|error| problem(error.to_string()))?;
            let entry: Object =
                serde_json::from_value(entry).map_err(|error| problem(error.to_string()))?;
            meta.insert(role, fields::file_meta(entry)?);
        }
        Ok(Snapshot {
            spec_version: header.spec_version,
            version: header.version,
            expires: header.expires,
            meta,
            extra: object,
        })
    }

    fn header(&self) -> Header {
        Header {
            spec_version: self.spec_version.clone(),
            version: self.version,
            expires: self.expires,
        }
    }

    fn extra(&self) -> &Object {
        &self.extra
    }

    fn write(&self) -> Object {
        let mut object = self.extra.clone();
        let meta: Object = self
            .meta
            .iter()
            .map(|(role, meta)| (format!("{role}.json"), fields::file_meta_to_json(meta)))
            .collect();
        object.insert("meta".to_owned(), meta.into());
        object
    }
}

impl Document for Targets {
    const TYPE: &'static str = "targets";

    fn read(header: Header, mut object: Object) -> Result<Targets, MetadataError> {
        let listed: Object = fields::take(&mut object, "targets")?;
        let mut targets: BTreeMap<TargetPath, TargetFile> = BTreeMap::new();
        for (path, file) in listed {
            let problem = |problem: String| MetadataError::Field {
                field: format!("targets.{path}"),
                problem,
            };
            let key = TargetPath::new(path.as_str()).map_err(|error| problem(error.to_string()))?;
            let Value::Object(file) = file else {
                return Err(problem("not an object".to_owned()));
            };
            targets.insert(
                key,
                fields::target_file(file).map_err(|error| problem(error.to_string()))?,
            );
        }
        let delegations: Option<Object> = fields::take_optional(&mut object, "delegations")?;
        Ok(Targets {
            spec_version: header.spec_version,
            version: header.version,
            expires: header.expires,
            targets,
            delegations: delegations.map(Delegations::from_json).transpose()?,
            extra: object,
        })
    }

    fn header(&self) -> Header {
        Header {
            spec_version: self.spec_version.clone(),
            version: self.version,
            expires: self.expires,
        }
    }

    fn extra(&self) -> &Object {
        &self.extra
    }

    fn write(&self) -> Object {
        let mut object = self.extra.clone();
        let targets: Object = self
            .targets
            .iter()
            .map(|(path, file)| (path.to_string(), fields::target_file_to_json(file)))
            .collect();
        object.insert("targets".to_owned(), targets.into());
        if let Some(delegations) = &self.delegations {
            object.insert("delegations".to_owned(), delegations.to_json());
        }
        object
    }
}
