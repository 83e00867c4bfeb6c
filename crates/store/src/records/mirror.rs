//! Conversion between records and values of `core`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use jiff::Timestamp;
use serde_json::Value as Json;
use uuid::Uuid;

use planwright_core::{
    change_set::ParamPath,
    digest::Digest,
    names::{
        BranchName, CommentId, DeliveryId, InstallationId, Login, PrNumber, RepoName, RepositoryId,
        Sha, StackId, UserId,
    },
    pull_request::ReviewId,
};

/// A part of a record that represents a `C`.
pub(crate) trait Mirror<C>: Sized {
    fn store(value: &C) -> Self;
    fn load(self) -> C;
}

/// Implements `Mirror` for numbers, texts and names that are stored by their own serde form.
macro_rules! leaves {
    ($($leaf:ty),* $(,)?) => {$(
        impl Mirror<$leaf> for $leaf {
            fn store(value: &$leaf) -> Self {
                value.clone()
            }
            fn load(self) -> $leaf {
                self
            }
        }
    )*};
}
leaves!(
    bool,
    u32,
    u64,
    usize,
    String,
    Json,
    Timestamp,
    Uuid,
    Digest,
    BranchName,
    CommentId,
    DeliveryId,
    InstallationId,
    Login,
    ParamPath,
    PrNumber,
    RepoName,
    RepositoryId,
    ReviewId,
    Sha,
    StackId,
    UserId,
    BTreeSet<String>,
    BTreeSet<Digest>,
);

impl Mirror<Cow<'static, str>> for String {
    fn store(value: &Cow<'static, str>) -> Self {
        value.to_string()
    }
    fn load(self) -> Cow<'static, str> {
        self.into()
    }
}

impl<C, R: Mirror<C>> Mirror<Option<C>> for Option<R> {
    fn store(value: &Option<C>) -> Self {
        value.as_ref().map(R::store)
    }
    fn load(self) -> Option<C> {
        self.map(R::load)
    }
}

impl<C, R: Mirror<C>> Mirror<Vec<C>> for Vec<R> {
    fn store(value: &Vec<C>) -> Self {
        value.iter().map(R::store).collect()
    }
    fn load(self) -> Vec<C> {
        self.into_iter().map(R::load).collect()
    }
}

impl<C, R: Mirror<C>> Mirror<BTreeMap<String, C>> for BTreeMap<String, R> {
    fn store(value: &BTreeMap<String, C>) -> Self {
        value.iter().map(|(key, value)| (key.clone(), R::store(value))).collect()
    }
    fn load(self) -> BTreeMap<String, C> {
        self.into_iter().map(|(key, value)| (key, value.load())).collect()
    }
}

impl<A, B, R: Mirror<A>, S: Mirror<B>> Mirror<(A, B)> for (R, S) {
    fn store(value: &(A, B)) -> Self {
        (R::store(&value.0), S::store(&value.1))
    }
    fn load(self) -> (A, B) {
        (self.0.load(), self.1.load())
    }
}

/// Defines records that have the fields or variants of a type of `core`, under the same names.
///
/// If a field or variant of that type is renamed, this no longer compiles. Then rename it here too,
/// and keep the stored word with `#[serde(rename)]`. If its structure changes, write the conversion
/// by hand and leave the record as it is.
macro_rules! records {
    () => {};
    (
        $(#[$meta:meta])*
        struct $name:ident for $core:ty {
            $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)?
        }
        $($rest:tt)*
    ) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type),+
        }

        impl $crate::records::mirror::Mirror<$core> for $name {
            fn store(value: &$core) -> Self {
                Self { $($field: $crate::records::mirror::Mirror::store(&value.$field)),+ }
            }
            fn load(self) -> $core {
                type Core = $core;
                Core { $($field: $crate::records::mirror::Mirror::load(self.$field)),+ }
            }
        }

        records! { $($rest)* }
    };
    (
        $(#[$meta:meta])*
        enum $name:ident for $core:ty {
            $(
                $(#[$variant_meta:meta])*
                $variant:ident
                $(($($part:ident: $part_type:ty),+))?
                $({ $($(#[$field_meta:meta])* $field:ident: $type:ty),+ $(,)? })?
            ),+ $(,)?
        }
        $($rest:tt)*
    ) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        pub enum $name {
            $(
                $(#[$variant_meta])*
                $variant $(($($part_type),+))? $({ $($(#[$field_meta])* $field: $type),+ })?
            ),+
        }

        impl $crate::records::mirror::Mirror<$core> for $name {
            fn store(value: &$core) -> Self {
                type Core = $core;
                match value {
                    $(Core::$variant $(($($part),+))? $({ $($field),+ })? => Self::$variant
                        $(($($crate::records::mirror::Mirror::store($part)),+))?
                        $({ $($field: $crate::records::mirror::Mirror::store($field)),+ })?),+
                }
            }
            fn load(self) -> $core {
                type Core = $core;
                match self {
                    $(Self::$variant $(($($part),+))? $({ $($field),+ })? => Core::$variant
                        $(($($crate::records::mirror::Mirror::load($part)),+))?
                        $({ $($field: $crate::records::mirror::Mirror::load($field)),+ })?),+
                }
            }
        }

        records! { $($rest)* }
    };
}
