output "message" {
  description = "The greeting as it stands in the state."
  value       = terraform_data.greeting.output
}

output "cards" {
  description = "The words on each card, by name."
  value       = { for name, card in terraform_data.card : name => card.output }
}
