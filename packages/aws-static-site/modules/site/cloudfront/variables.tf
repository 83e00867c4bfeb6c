variable "bucket" {
  description = "Name of the bucket that holds the pages."
  type        = string
  nullable    = false
}

variable "index_document" {
  description = "The page at the root of the site."
  type        = string
  nullable    = false
}

variable "error_document" {
  description = "The page for addresses that do not exist."
  type        = string
  nullable    = false
}

variable "price_class" {
  description = "How much of the world CloudFront serves from nearby."
  type        = string
  nullable    = false
}

variable "custom_domain" {
  description = "A domain of one's own and its certificate in us-east-1; null means CloudFront's own."
  type = object({
    name            = string
    certificate_arn = string
  })
}

variable "minimum_protocol_version" {
  description = "The oldest TLS that visitors of the custom domain may use."
  type        = string
  nullable    = false
}

variable "tags" {
  description = "Tags of every resource that has tags."
  type        = map(string)
  nullable    = false
}
