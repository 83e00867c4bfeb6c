# One resource for the greeting, one for each member of the audience. A card is replaced when its
# words change, so that a plan shows updates, replacements and deletions without any cloud.

terraform {
  required_version = ">= 1.9, < 2.0"
}

resource "terraform_data" "greeting" {
  input = var.greeting
}

resource "terraform_data" "card" {
  for_each = var.audience

  input            = "${var.greeting}, ${each.value}"
  triggers_replace = [var.greeting]
}
