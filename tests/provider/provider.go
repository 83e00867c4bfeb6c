package main

import (
	"context"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type echo struct{}

type echoModel struct {
	Path   types.String `tfsdk:"path"`
	Reject types.String `tfsdk:"reject"`
}

var (
	_ provider.ProviderWithFunctions      = &echo{}
	_ provider.ProviderWithValidateConfig = &echo{}
)

func (*echo) Metadata(_ context.Context, _ provider.MetadataRequest, response *provider.MetadataResponse) {
	response.TypeName = "echo"
	response.Version = "1.0.0"
}

func (*echo) Schema(_ context.Context, _ provider.SchemaRequest, response *provider.SchemaResponse) {
	response.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"path":   schema.StringAttribute{Required: true, Description: "The directory of the files."},
		"reject": schema.StringAttribute{Optional: true, Description: "Why this configuration is refused."},
	}}
}

func (*echo) ValidateConfig(ctx context.Context, request provider.ValidateConfigRequest, response *provider.ValidateConfigResponse) {
	var model echoModel
	response.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	if reason := model.Reject.ValueString(); reason != "" {
		response.Diagnostics.AddAttributeError(path.Root("reject"), "Configuration refused", reason)
	}
}

func (*echo) Configure(ctx context.Context, request provider.ConfigureRequest, response *provider.ConfigureResponse) {
	var model echoModel
	response.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	if response.Diagnostics.HasError() {
		return
	}
	directory := model.Path.ValueString()
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		response.Diagnostics.AddAttributeError(path.Root("path"), "No such directory", directory)
		return
	}
	response.ResourceData = reality(directory)
	response.DataSourceData = reality(directory)
}

func (*echo) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{func() resource.Resource { return &fileResource{} }}
}

func (*echo) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{func() datasource.DataSource { return &readSource{} }}
}

func (*echo) Functions(context.Context) []func() function.Function {
	return []func() function.Function{func() function.Function { return upper{} }}
}

// provider::echo::upper(text)
type upper struct{}

func (upper) Metadata(_ context.Context, _ function.MetadataRequest, response *function.MetadataResponse) {
	response.Name = "upper"
}

func (upper) Definition(_ context.Context, _ function.DefinitionRequest, response *function.DefinitionResponse) {
	response.Definition = function.Definition{
		Summary:    "The text in upper case.",
		Parameters: []function.Parameter{function.StringParameter{Name: "text"}},
		Return:     function.StringReturn{},
	}
}

func (upper) Run(ctx context.Context, request function.RunRequest, response *function.RunResponse) {
	var text string
	response.Error = request.Arguments.Get(ctx, &text)
	if response.Error == nil {
		response.Error = response.Result.Set(ctx, strings.ToUpper(text))
	}
}
