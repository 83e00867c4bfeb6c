variable "domain" {
  description = "The domain of the site."
  type        = string
  nullable    = false
}

# The contract's other inputs, which only a variant with records needs.

variable "target" {
  description = "The host that a record would point to."
  type        = string
  nullable    = false
}

variable "target_zone_id" {
  description = "The hosted zone of that host."
  type        = string
  nullable    = false
}
