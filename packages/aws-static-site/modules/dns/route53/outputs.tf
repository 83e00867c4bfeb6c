output "url" {
  description = "Where the site is visited."
  value       = "https://${var.domain}/"

  # Visitors find it only when the records are there.
  depends_on = [aws_route53_record.this]
}
