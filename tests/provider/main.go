// A provider of files, for the tests: small, quick, on protocol 6, and with faults on demand.
//
// A resource is one file in JSON in the directory that the provider is configured with, so a test
// changes reality behind the engine's back by writing a file.
package main

import (
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"google.golang.org/grpc"
)

// Served by hand: the framework's own way has no place for an interceptor.
func main() {
	faults := faultsFromEnvironment()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  6,
			MagicCookieKey:   "TF_PLUGIN_MAGIC_COOKIE",
			MagicCookieValue: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
		},
		VersionedPlugins: map[int]plugin.PluginSet{6: {"provider": &tf6server.GRPCProviderPlugin{
			Name: "registry.terraform.io/planwright/echo",
			GRPCProvider: func() tfprotov6.ProviderServer {
				return providerserver.NewProtocol6(&echo{})()
			},
		}}},
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.ChainUnaryInterceptor(faults.strike))...)
		},
	})
}
