# No records: CloudFront's own domain is used, or someone else serves the custom one.

terraform {
  required_version = ">= 1.9, < 2.0"
}
