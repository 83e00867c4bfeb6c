output "name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.id
}

output "arn" {
  description = "ARN of the bucket, for policies."
  value       = aws_s3_bucket.this.arn
}

output "region" {
  description = "The region that holds the bucket."
  value       = aws_s3_bucket.this.region
}

output "regional_domain_name" {
  description = "Host name of the bucket's regional endpoint."
  value       = aws_s3_bucket.this.bucket_regional_domain_name
}
