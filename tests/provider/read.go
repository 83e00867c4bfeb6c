package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// echo_read: what stands in a file, whoever wrote it.
type readSource struct{ reality reality }

type readModel struct {
	Name    types.String `tfsdk:"name"`
	Content types.String `tfsdk:"content"`
}

var _ datasource.DataSourceWithConfigure = &readSource{}

func (*readSource) Metadata(_ context.Context, _ datasource.MetadataRequest, response *datasource.MetadataResponse) {
	response.TypeName = "echo_read"
}

func (*readSource) Schema(_ context.Context, _ datasource.SchemaRequest, response *datasource.SchemaResponse) {
	response.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"name":    schema.StringAttribute{Required: true},
		"content": schema.StringAttribute{Computed: true},
	}}
}

func (r *readSource) Configure(_ context.Context, request datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	r.reality, _ = request.ProviderData.(reality)
}

func (r *readSource) Read(ctx context.Context, request datasource.ReadRequest, response *datasource.ReadResponse) {
	var model readModel
	response.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	found, err := r.reality.read(model.Name.ValueString())
	if err != nil || found == nil {
		response.Diagnostics.AddError("File not found", r.reality.file(model.Name.ValueString()))
		return
	}
	model.Content = types.StringValue(found.Content)
	response.Diagnostics.Append(response.State.Set(ctx, &model)...)
}
