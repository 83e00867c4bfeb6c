// Builds Helm, which lints and renders the chart, from the Go module proxy (see ../components).
module example.com/planwright/tests/helm

go 1.26.6

require helm.sh/helm/v3 v3.22.0
