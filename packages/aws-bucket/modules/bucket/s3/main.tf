# A bucket that is private, encrypted and owned by its account, whatever else is set.

terraform {
  required_version = ">= 1.9, < 2.0"

  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

resource "aws_s3_bucket" "this" {
  bucket        = var.name
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    # A bucket that ever had versioning can only suspend it; `Disabled` would be an error then.
    status = var.versioning ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = var.encryption.algorithm == "aws:kms"

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.encryption.algorithm
      kms_master_key_id = var.encryption.kms_key_arn
    }
  }

  lifecycle {
    precondition {
      condition     = var.encryption.kms_key_arn == null || var.encryption.algorithm == "aws:kms"
      error_message = "encryption.kms_key_arn needs encryption.algorithm to be aws:kms."
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.lifecycle_days == null ? 0 : 1

  bucket = aws_s3_bucket.this.id

  rule {
    id     = "age"
    status = "Enabled"

    filter {}

    dynamic "expiration" {
      for_each = var.lifecycle_days.expire_after_days == null ? [] : [var.lifecycle_days.expire_after_days]

      content {
        days = expiration.value
      }
    }

    noncurrent_version_expiration {
      noncurrent_days = var.lifecycle_days.expire_old_versions_after_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = var.lifecycle_days.abort_uploads_after_days
    }
  }

  # Rules about old versions mean nothing until versioning is set.
  depends_on = [aws_s3_bucket_versioning.this]
}
