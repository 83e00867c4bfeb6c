//! The repository's own code that may run, by the digest of its content. Append-only.
//!
//! Code that came with the binary is not recorded: it may always run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use planwright_core::{
    digest::Digest,
    names::{Login, PrNumber, RepositoryId, Sha, UserId},
};

use super::{
    Error, Store,
    column::{binds, text_enum},
};

text_enum! {
    /// Why code may run.
    CodeBasis {
        /// It stood on the default branch when the repository was first seen.
        FirstSeen = "first_seen",
        /// Somebody who had no part in it requested its plan; it may run for plans only.
        Lifted = "lifted",
        /// It was part of a change whose requirements were all met.
        Approved = "approved",
    }
}

/// An entry of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeApproval {
    pub digest: Digest,
    pub basis: CodeBasis,
    /// The pull request in which it was lifted or approved.
    pub number: Option<PrNumber>,
    /// Who lifted it.
    pub by: Option<(UserId, Login)>,
    pub at: Timestamp,
}

/// The digests of the code that may run for a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovedCode {
    applies: BTreeSet<Digest>,
    for_plans: BTreeSet<Digest>,
}

impl ApprovedCode {
    /// Returns whether the code may run with the credentials of an apply.
    pub fn may_apply(&self, digest: &Digest) -> bool {
        self.applies.contains(digest)
    }

    /// Returns whether the code may run with the credentials of a plan.
    pub fn may_plan(&self, digest: &Digest) -> bool {
        self.may_apply(digest) || self.for_plans.contains(digest)
    }
}

impl Store {
    /// Returns the code that may run for a repository.
    pub async fn approved_code(&self, repository: RepositoryId) -> Result<ApprovedCode, Error> {
        const LIST: &str = "SELECT digest, basis FROM approved_code WHERE repository = $1";
        let mut code = ApprovedCode::default();
        for row in self.db.rows(LIST, binds![repository]).await? {
            let digests = match row.read("basis")? {
                CodeBasis::Lifted => &mut code.for_plans,
                CodeBasis::FirstSeen | CodeBasis::Approved => &mut code.applies,
            };
            digests.insert(row.read("digest")?);
        }
        Ok(code)
    }

    /// Records that code may run; recording it again for the same reason changes nothing.
    pub async fn approve_code(
        &self,
        repository: RepositoryId,
        approval: &CodeApproval,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        approve(&mut tx, repository, approval).await?;
        tx.commit().await
    }

    /// Records who wrote code that stood on the default branch without an approval.
    pub async fn record_code_authors(
        &self,
        repository: RepositoryId,
        digest: &Digest,
        authors: &BTreeMap<UserId, Login>,
    ) -> Result<(), Error> {
        const RECORD: &str = "INSERT INTO code_authors (repository, digest, user_id, login) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let mut tx = self.db.begin().await?;
        for (user, login) in authors {
            tx.execute(RECORD, binds![repository, digest, user, login]).await?;
        }
        tx.commit().await
    }

    /// Returns who wrote code that stood on the default branch without an approval.
    pub async fn code_authors(
        &self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<BTreeMap<UserId, Login>, Error> {
        const AUTHORS: &str =
            "SELECT user_id, login FROM code_authors WHERE repository = $1 AND digest = $2";
        let rows = self.db.rows(AUTHORS, binds![repository, digest]).await?;
        rows.iter().map(|row| Ok((row.read("user_id")?, row.read("login")?))).collect()
    }

    /// Returns who lifted the hold on code, in whatever pull request.
    pub async fn code_lifters(
        &self,
        repository: RepositoryId,
        digest: &Digest,
    ) -> Result<BTreeMap<UserId, Login>, Error> {
        const LIFTERS: &str = "SELECT user_id, login FROM approved_code \
             WHERE repository = $1 AND digest = $2 AND basis = $3 AND user_id IS NOT NULL";
        let rows = self.db.rows(LIFTERS, binds![repository, digest, CodeBasis::Lifted]).await?;
        rows.iter().map(|row| Ok((row.read("user_id")?, row.read("login")?))).collect()
    }

    /// Returns whether the code of the default branch was recorded for a repository.
    pub async fn was_first_seen(&self, repository: RepositoryId) -> Result<bool, Error> {
        const SEEN: &str = "SELECT commit_sha FROM first_seen WHERE repository = $1";
        Ok(self.db.row(SEEN, binds![repository]).await?.is_some())
    }

    /// Records the code of the default branch at `commit`, unless this was done before: then
    /// nothing changes.
    pub async fn record_first_seen(
        &self,
        repository: RepositoryId,
        commit: &Sha,
        code: impl IntoIterator<Item = Digest>,
        at: Timestamp,
    ) -> Result<(), Error> {
        const SEEN: &str = "INSERT INTO first_seen (repository, commit_sha, seen_at) \
             VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let mut tx = self.db.begin().await?;
        if tx.execute(SEEN, binds![repository, commit, at]).await? == 0 {
            return Ok(());
        }
        for digest in code {
            let (number, by) = (None, None);
            let basis = CodeBasis::FirstSeen;
            let approval = CodeApproval { digest, basis, number, by, at };
            approve(&mut tx, repository, &approval).await?;
        }
        tx.commit().await
    }
}

async fn approve(
    tx: &mut super::db::Tx,
    repository: RepositoryId,
    approval: &CodeApproval,
) -> Result<(), Error> {
    const APPROVE: &str = "INSERT INTO approved_code (repository, digest, basis, number, user_id, \
         login, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let (user, login) = approval.by.clone().unzip();
    let cells = binds![
        repository,
        approval.digest,
        approval.basis,
        approval.number,
        user,
        login,
        approval.at,
    ];
    tx.execute(APPROVE, cells).await.map(drop)
}
