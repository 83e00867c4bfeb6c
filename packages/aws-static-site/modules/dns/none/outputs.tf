output "url" {
  description = "Where the site is visited."
  value       = "https://${var.domain}/"
}
