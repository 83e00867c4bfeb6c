# Alias records for both address families; they cost nothing and follow the distribution.

terraform {
  required_version = ">= 1.9, < 2.0"

  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

resource "aws_route53_record" "this" {
  for_each = toset(["A", "AAAA"])

  zone_id = var.zone_id
  name    = var.domain
  type    = each.value

  alias {
    name                   = var.target
    zone_id                = var.target_zone_id
    evaluate_target_health = false
  }

  lifecycle {
    precondition {
      condition     = var.domain != var.target
      error_message = "A record in Route 53 needs a domain of your own: set custom_domain, or dns.provider to none."
    }
  }
}
