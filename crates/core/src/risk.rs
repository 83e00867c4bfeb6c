//! The risk of a change of a resource, derived from its type, action and attributes.
//!
//! There are tables of types and of a few attributes. A value that is unknown until the apply
//! counts as the worst that it can be. Costs, policies and required approvals are not part of the
//! risk.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::plan::{Action, Plan, ResourceChange, Step, Value};

/// The class of a change, the riskiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// A resource that holds data is destroyed.
    DataLoss,
    /// Something may become accessible from the internet or to everyone with an account.
    PublicExposure,
    /// Commands run beside the resources, and no plan shows what they do.
    Commands,
    /// Somebody may get more permissions.
    AccessWidened,
    Network,
    Other,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DataLoss => "data loss",
            Self::PublicExposure => "public exposure",
            Self::Commands => "commands",
            Self::AccessWidened => "access",
            Self::Network => "network",
            Self::Other => "other",
        })
    }
}

/// Types of resources that hold data, or without which data cannot be read, such as a volume or a
/// key.
const STATEFUL: &[&str] = &[
    "aws_backup_vault",
    "aws_cloudwatch_log_group",
    "aws_cognito_user_pool",
    "aws_db_instance",
    "aws_db_snapshot",
    "aws_docdb_cluster",
    "aws_docdb_cluster_instance",
    "aws_dynamodb_table",
    "aws_ebs_snapshot",
    "aws_ebs_volume",
    "aws_ecr_repository",
    "aws_efs_file_system",
    "aws_elasticache_cluster",
    "aws_elasticache_replication_group",
    "aws_elasticsearch_domain",
    "aws_fsx_lustre_file_system",
    "aws_fsx_ontap_file_system",
    "aws_fsx_windows_file_system",
    "aws_glacier_vault",
    "aws_instance",
    "aws_keyspaces_table",
    "aws_kinesis_stream",
    "aws_kms_key",
    "aws_memorydb_cluster",
    "aws_mq_broker",
    "aws_msk_cluster",
    "aws_neptune_cluster",
    "aws_opensearch_domain",
    "aws_rds_cluster",
    "aws_rds_cluster_instance",
    "aws_redshift_cluster",
    "aws_s3_bucket",
    "aws_s3_object",
    "aws_secretsmanager_secret",
    "aws_secretsmanager_secret_version",
    "aws_sqs_queue",
    "aws_ssm_parameter",
    "aws_timestreamwrite_table",
    "azurerm_cosmosdb_account",
    "azurerm_key_vault",
    "azurerm_managed_disk",
    "azurerm_mssql_database",
    "azurerm_mysql_flexible_server",
    "azurerm_postgresql_flexible_server",
    "azurerm_storage_account",
    "azurerm_storage_container",
    "cloudflare_d1_database",
    "cloudflare_r2_bucket",
    "cloudflare_workers_kv_namespace",
    "digitalocean_database_cluster",
    "digitalocean_droplet",
    "digitalocean_spaces_bucket",
    "digitalocean_volume",
    "google_bigquery_dataset",
    "google_bigquery_table",
    "google_bigtable_instance",
    "google_compute_disk",
    "google_compute_instance",
    "google_filestore_instance",
    "google_kms_crypto_key",
    "google_redis_instance",
    "google_secret_manager_secret",
    "google_spanner_database",
    "google_spanner_instance",
    "google_sql_database",
    "google_sql_database_instance",
    "google_storage_bucket",
    "hcloud_server",
    "hcloud_snapshot",
    "hcloud_volume",
    "kubernetes_namespace",
    "kubernetes_persistent_volume",
    "kubernetes_persistent_volume_claim",
    "kubernetes_stateful_set",
    "oci_core_instance",
    "oci_core_volume",
    "oci_objectstorage_bucket",
    "postgresql_database",
    "random_password",
    "tls_private_key",
];

/// Parts of the names of types that grant permissions.
const ACCESS: &[&str] = &[
    "_access_key",
    "_access_policy",
    "_bucket_policy",
    "_iam_",
    "_key_policy",
    "_kms_grant",
    "_lambda_permission",
    "_organizations_policy",
    "_queue_policy",
    "_repository_policy",
    "_resource_policy",
    "_role_assignment",
    "_role_binding",
    "_role_definition",
    "_secret_policy",
    "_topic_policy",
    "_vault_policy",
    "_s3_bucket_acl",
    "_bucket_ownership_controls",
    "kubernetes_cluster_role",
    "kubernetes_role",
    "kubernetes_service_account",
];

const NETWORK: &[&str] = &[
    "_alb",
    "_cdn_",
    "_cloudfront_",
    "_dns_",
    "_eip",
    "_firewall",
    "_floating_ip",
    "_gateway",
    "_lb",
    "_network",
    "_peering",
    "_record",
    "_route",
    "_security_group",
    "_security_list",
    "_subnet",
    "_vcn",
    "_vpc",
    "_vpn",
    "_zone",
    "kubernetes_ingress",
    "kubernetes_service",
];

/// Attributes that make something public if they are `true`.
const OPENS_WHEN_TRUE: &[&str] = &[
    "allow_blob_public_access",
    "allow_nested_items_to_be_public",
    "associate_public_ip_address",
    "endpoint_public_access",
    "map_public_ip_on_launch",
    "public_network_access_enabled",
    "publicly_accessible",
];

/// Attributes that make something public if they are not `true`.
const OPENS_WHEN_NOT_TRUE: &[&str] =
    &["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];

/// Returns the class of one change.
pub fn risk(change: &ResourceChange) -> Risk {
    let has_part = |parts: &[&str]| parts.iter().any(|part| change.resource_type.contains(part));
    let is_gone = change.action.is_destructive() || change.action == Action::CreateThenForget;
    if is_gone && STATEFUL.contains(&change.resource_type.as_str()) {
        Risk::DataLoss
    } else if exposes(change) {
        Risk::PublicExposure
    } else if change.action == Action::NoOp {
        Risk::Other
    } else if has_part(ACCESS) {
        Risk::AccessWidened
    } else if has_part(NETWORK) {
        Risk::Network
    } else {
        Risk::Other
    }
}

/// Returns the class of the riskiest change of a plan, or `None` if no resource changes.
pub fn worst(plan: &Plan) -> Option<Risk> {
    plan.resources.iter().map(risk).min()
}

/// Sorts changes of resources by class, then by action with the destructive ones first, then by
/// address.
pub fn riskiest_first(changes: &[ResourceChange]) -> Vec<&ResourceChange> {
    let mut ordered: Vec<&ResourceChange> = changes.iter().collect();
    ordered.sort_by_cached_key(|change| order(change));
    ordered
}

/// Returns the key by which changes are sorted, the riskiest first.
pub fn order(change: &ResourceChange) -> (Risk, u8, &str, Option<&str>) {
    (risk(change), severity(change.action), &change.address, change.deposed.as_deref())
}

fn severity(action: Action) -> u8 {
    match action {
        Action::Delete => 0,
        Action::DeleteThenCreate => 1,
        Action::CreateThenDelete => 2,
        Action::CreateThenForget | Action::Forget => 3,
        Action::Update => 4,
        Action::Create => 5,
        Action::Read | Action::NoOp => 6,
    }
}

fn exposes(change: &ResourceChange) -> bool {
    let is_block = change.resource_type.ends_with("_public_access_block")
        || change.resource_type.ends_with("_account_public_access_block");
    if is_block && change.action.is_destructive() {
        return true;
    }
    if change.action == Action::Delete {
        return false;
    }
    change.differences.iter().any(|difference| {
        let names = || {
            difference.path.0.iter().filter_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Index(_) => None,
            })
        };
        let is_in = |list: &[&str]| names().any(|name| list.contains(&name));
        match &difference.after {
            _ if is_in(OPENS_WHEN_NOT_TRUE) => difference.after != Value::Known(Json::Bool(true)),
            Value::Known(Json::Bool(true)) => is_in(OPENS_WHEN_TRUE),
            Value::Known(Json::Bool(_) | Json::Null) | Value::Absent => false,
            Value::Known(value) => is_everyone(value, &names().collect::<Vec<_>>()),
            _ => is_in(OPENS_WHEN_TRUE),
        }
    })
}

/// Returns whether a value means everybody: an open range for incoming traffic, a public ACL or
/// member, or the principal `*` in a policy.
fn is_everyone(value: &Json, path: &[&str]) -> bool {
    const INWARD: [&str; 5] = ["ingress", "cidr_ipv4", "cidr_ipv6", "source_ranges", "source_ips"];
    let is_outward = path.contains(&"egress");
    let is_inward = INWARD.iter().any(|name| path.contains(name)) || path.contains(&"cidr_blocks");
    match value {
        Json::Array(list) => list.iter().any(|item| is_everyone(item, path)),
        Json::String(text) => match text.as_str() {
            "0.0.0.0/0" | "::/0" => is_inward && !is_outward,
            "public-read" | "public-read-write" | "authenticated-read" => true,
            "allUsers" | "allAuthenticatedUsers" => true,
            text if path.contains(&"policy") => {
                let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                ["\"Principal\":\"*\"", "\"AWS\":\"*\"", "\"AWS\":[\"*\""]
                    .iter()
                    .any(|open| dense.contains(open))
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Difference, Path};

    fn change(resource_type: &str, action: Action) -> ResourceChange {
        ResourceChange {
            address: format!("{resource_type}.this"),
            resource_type: resource_type.into(),
            provider: "registry.terraform.io/hashicorp/aws".into(),
            previous_address: None,
            deposed: None,
            importing: None,
            action,
            action_reason: None,
            replace_paths: Vec::new(),
            differences: Vec::new(),
        }
    }

    fn with(resource_type: &str, path: &[&str], after: Value) -> ResourceChange {
        let path = Path(path.iter().map(|key| Step::Key((*key).into())).collect());
        let differences = vec![Difference { path, before: Value::Absent, after }];
        ResourceChange { differences, ..change(resource_type, Action::Update) }
    }

    fn known(value: impl Into<Json>) -> Value {
        Value::Known(value.into())
    }

    #[test]
    fn what_holds_data_and_goes_away_is_data_loss() {
        for action in [Action::Delete, Action::DeleteThenCreate, Action::CreateThenDelete] {
            assert_eq!(risk(&change("aws_db_instance", action)), Risk::DataLoss);
            assert_eq!(risk(&change("terraform_data", action)), Risk::Other);
        }
        for action in [Action::Create, Action::Update, Action::Forget, Action::NoOp] {
            assert_eq!(risk(&change("aws_db_instance", action)), Risk::Other);
        }
    }

    #[test]
    fn what_opens_to_everyone_is_public_exposure() {
        let policy = r#"{"Statement":[{"Effect":"Allow","Principal": "*"}]}"#;
        for exposing in [
            change("aws_s3_bucket_public_access_block", Action::Delete),
            with("aws_s3_bucket_public_access_block", &["block_public_acls"], known(false)),
            with("aws_s3_bucket_public_access_block", &["block_public_acls"], Value::Absent),
            with("aws_s3_bucket_public_access_block", &["block_public_acls"], Value::Unknown),
            with("aws_db_instance", &["publicly_accessible"], known(true)),
            with("aws_db_instance", &["publicly_accessible"], Value::Unknown),
            with("aws_security_group", &["ingress", "cidr_blocks"], known("0.0.0.0/0")),
            with("aws_vpc_security_group_ingress_rule", &["cidr_ipv6"], known("::/0")),
            with("aws_s3_bucket_acl", &["acl"], known("public-read")),
            with("aws_s3_bucket_policy", &["policy"], known(policy)),
            with("google_storage_bucket_iam_member", &["member"], known("allUsers")),
        ] {
            assert_eq!(risk(&exposing), Risk::PublicExposure, "{exposing:?}");
        }
    }

    #[test]
    fn what_stays_closed_is_no_exposure() {
        for closed in [
            with("aws_s3_bucket_public_access_block", &["block_public_acls"], known(true)),
            with("aws_db_instance", &["publicly_accessible"], known(false)),
            with("aws_security_group", &["egress", "cidr_blocks"], known("0.0.0.0/0")),
            with("aws_security_group", &["ingress", "cidr_blocks"], known("10.0.0.0/8")),
        ] {
            assert_ne!(risk(&closed), Risk::PublicExposure, "{closed:?}");
        }
    }

    #[test]
    fn rights_and_networks_have_their_class() {
        for (resource_type, class) in [
            ("aws_iam_role_policy_attachment", Risk::AccessWidened),
            ("aws_s3_bucket_policy", Risk::AccessWidened),
            ("aws_security_group_rule", Risk::Network),
            ("aws_route53_record", Risk::Network),
            ("terraform_data", Risk::Other),
        ] {
            assert_eq!(risk(&change(resource_type, Action::Update)), class, "{resource_type}");
        }
    }

    #[test]
    fn the_riskiest_comes_first() {
        let changes = [
            change("terraform_data", Action::Create),
            change("terraform_data", Action::Delete),
            change("aws_subnet", Action::Create),
            change("aws_iam_role", Action::Create),
            change("aws_s3_bucket_public_access_block", Action::Delete),
            change("aws_s3_bucket", Action::Delete),
        ];
        let order: Vec<(Risk, Action)> =
            riskiest_first(&changes).into_iter().map(|c| (risk(c), c.action)).collect();
        assert_eq!(
            order,
            [
                (Risk::DataLoss, Action::Delete),
                (Risk::PublicExposure, Action::Delete),
                (Risk::AccessWidened, Action::Create),
                (Risk::Network, Action::Create),
                (Risk::Other, Action::Delete),
                (Risk::Other, Action::Create),
            ]
        );
    }
}
