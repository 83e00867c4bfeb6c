variable "zone_id" {
  description = "The public hosted zone that holds the domain."
  type        = string
  nullable    = false
}

variable "domain" {
  description = "The domain of the site."
  type        = string
  nullable    = false
}

variable "target" {
  description = "The host that the records point to."
  type        = string
  nullable    = false
}

variable "target_zone_id" {
  description = "The hosted zone of that host."
  type        = string
  nullable    = false
}
