//! The rows of a view together with the index that follows from them.

use std::{collections::BTreeMap, fmt::Debug};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// Where each row stands in every order that its view is asked for.
pub(crate) trait Index: Debug + Clone + Default + PartialEq {
    /// The identity by which a view finds a row.
    type Id: Ord + Copy + Debug + Serialize + DeserializeOwned;
    /// What the view keeps of one entity.
    type Row: Debug + Clone + PartialEq + Serialize + DeserializeOwned;
    /// Everything of a row that decides where it stands.
    type Keys;

    /// The keys of a row as it is now.
    fn keys(row: &Self::Row) -> Self::Keys;

    /// Moves a row from where it stood, if it was there, to where it stands.
    fn shift(&mut self, before: Option<Self::Keys>, after: Self::Keys);
}

/// Rows by identity and in the orders of an index. Only the rows are stored: reading them back makes the index anew.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table<X: Index> {
    rows: BTreeMap<X::Id, Box<X::Row>>,
    index: X,
}

impl<X: Index> Table<X> {
    /// The row of an entity; nothing when the view has never heard of it.
    pub(crate) fn get(&self, id: X::Id) -> Option<&X::Row> {
        self.rows.get(&id).map(Box::as_ref)
    }

    /// All rows, in the order of their identities.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &X::Row> {
        self.rows.values().map(Box::as_ref)
    }

    /// The orders that the rows stand in.
    pub(crate) fn index(&self) -> &X {
        &self.index
    }

    /// Adds a row, in place of the one with the same identity.
    pub(crate) fn insert(&mut self, id: X::Id, row: X::Row) {
        let after = X::keys(&row);
        let before = self.rows.insert(id, Box::new(row));
        self.index.shift(before.map(|row| X::keys(&row)), after);
    }

    /// Changes a row, and moves it to where it stands then.
    pub(crate) fn change(&mut self, id: X::Id, change: impl FnOnce(&mut X::Row)) {
        self.change_with_keys(id, X::keys, change);
    }

    /// The same with other keys than all: they may leave out what the change does not touch.
    pub(crate) fn change_with_keys(
        &mut self,
        id: X::Id,
        keys: impl Fn(&X::Row) -> X::Keys,
        change: impl FnOnce(&mut X::Row),
    ) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        let before = keys(row);
        change(row);
        self.index.shift(Some(before), keys(row));
    }

    /// The row of an entity, for changes that no key of it depends on.
    pub(crate) fn get_mut_unindexed(&mut self, id: X::Id) -> Option<&mut X::Row> {
        self.rows.get_mut(&id).map(Box::as_mut)
    }
}

impl<X: Index> Default for Table<X> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), index: X::default() }
    }
}

impl<X: Index> Serialize for Table<X> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl<'de, X: Index> Deserialize<'de> for Table<X> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows = BTreeMap::<X::Id, Box<X::Row>>::deserialize(deserializer)?;
        let mut index = X::default();
        rows.values().for_each(|row| index.shift(None, X::keys(row)));
        Ok(Self { rows, index })
    }
}
