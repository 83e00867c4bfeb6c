output "bucket" {
  description = "Name of the bucket to which the pages are uploaded."
  value       = aws_s3_bucket.this.id
}

output "distribution_id" {
  description = "The distribution whose cache is invalidated after an upload."
  value       = aws_cloudfront_distribution.this.id
}

output "domain" {
  description = "The domain under which the site is visited."
  value       = var.custom_domain == null ? aws_cloudfront_distribution.this.domain_name : var.custom_domain.name
}

output "target" {
  description = "The host that a DNS record points to."
  value       = aws_cloudfront_distribution.this.domain_name
}

output "target_zone_id" {
  description = "The hosted zone of that host, for alias records."
  value       = aws_cloudfront_distribution.this.hosted_zone_id
}
