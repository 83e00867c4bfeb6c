variable "name" {
  description = "Name of the bucket, unique in all of AWS."
  type        = string
  nullable    = false
}

variable "versioning" {
  description = "Whether overwritten and deleted objects are kept as old versions."
  type        = bool
  nullable    = false
}

variable "encryption" {
  description = "How objects are encrypted at rest."
  type = object({
    algorithm   = string
    kms_key_arn = optional(string)
  })
  nullable = false
}

variable "lifecycle_days" {
  description = "Days after which objects, old versions and unfinished uploads go; null keeps everything."
  type = object({
    expire_after_days              = optional(number)
    expire_old_versions_after_days = number
    abort_uploads_after_days       = number
  })
}

variable "force_destroy" {
  description = "Whether destroying the bucket deletes the objects in it."
  type        = bool
  nullable    = false
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  nullable    = false
}
