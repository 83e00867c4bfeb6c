terraform {
  required_providers {
    echo = { source = "planwright/echo" }
  }
}

variable "texts" {
  type = map(string)
}

variable "tags" {
  type = map(string)
}

resource "echo_file" "this" {
  for_each = var.texts
  name     = each.key
  content  = provider::echo::upper(each.value)
  tags     = var.tags
}

module "index" {
  source = "./index"
  names  = [for file in echo_file.this : file.id]

  # What stands in the files is read after they are written.
  depends_on = [echo_file.this]
}

output "texts" {
  value = module.index.texts
}
