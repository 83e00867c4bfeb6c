terraform {
  required_providers {
    echo = { source = "planwright/echo" }
  }
}

variable "names" {
  type = list(string)
}

data "echo_read" "this" {
  count = length(var.names)
  name  = var.names[count.index]
}

output "texts" {
  value = { for file in data.echo_read.this : file.name => file.content }
}
