variable "greeting" {
  description = "The words before each name."
  type        = string
  nullable    = false
}

variable "audience" {
  description = "Who is greeted."
  type        = set(string)
  nullable    = false
}
