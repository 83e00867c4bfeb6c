package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// echo_file: one file.
type fileResource struct{ reality reality }

type fileModel struct {
	ID      types.String `tfsdk:"id"`
	Name    types.String `tfsdk:"name"`
	Content types.String `tfsdk:"content"`
	Tags    types.Map    `tfsdk:"tags"`
	Secret  types.String `tfsdk:"secret"`
	Digest  types.String `tfsdk:"digest"`
}

var (
	_ resource.ResourceWithConfigure      = &fileResource{}
	_ resource.ResourceWithImportState    = &fileResource{}
	_ resource.ResourceWithValidateConfig = &fileResource{}
)

func (*fileResource) Metadata(_ context.Context, _ resource.MetadataRequest, response *resource.MetadataResponse) {
	response.TypeName = "echo_file"
}

func (*fileResource) Schema(_ context.Context, _ resource.SchemaRequest, response *resource.SchemaResponse) {
	response.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id": schema.StringAttribute{
			Computed:      true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"name": schema.StringAttribute{
			Required:      true,
			Description:   "Lower-case letters, digits and `-`.",
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"content": schema.StringAttribute{Optional: true},
		"tags":    schema.MapAttribute{Optional: true, ElementType: types.StringType},
		"secret":  schema.StringAttribute{Optional: true, Sensitive: true},
		"digest":  schema.StringAttribute{Computed: true, Description: "SHA-256 of the content; known after apply."},
	}}
}

func (f *fileResource) Configure(_ context.Context, request resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	f.reality, _ = request.ProviderData.(reality)
}

func (*fileResource) ValidateConfig(ctx context.Context, request resource.ValidateConfigRequest, response *resource.ValidateConfigResponse) {
	var model fileModel
	response.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	if !model.Name.IsUnknown() && !name.MatchString(model.Name.ValueString()) {
		message := fmt.Sprintf("%q has other characters than a-z, 0-9 and -", model.Name.ValueString())
		response.Diagnostics.AddAttributeError(path.Root("name"), "Invalid name", message)
	}
}

func (f *fileResource) Create(ctx context.Context, request resource.CreateRequest, response *resource.CreateResponse) {
	var model fileModel
	response.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if response.Diagnostics.HasError() {
		return
	}
	if found, _ := f.reality.read(model.Name.ValueString()); found != nil {
		response.Diagnostics.AddError("File exists", f.reality.file(model.Name.ValueString()))
		return
	}
	if err := f.write(ctx, &model); err != nil {
		response.Diagnostics.AddError("File not written", err.Error())
		return
	}
	response.Diagnostics.Append(response.State.Set(ctx, &model)...)
}

func (f *fileResource) Update(ctx context.Context, request resource.UpdateRequest, response *resource.UpdateResponse) {
	var model fileModel
	response.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if response.Diagnostics.HasError() {
		return
	}
	if err := f.write(ctx, &model); err != nil {
		response.Diagnostics.AddError("File not written", err.Error())
		return
	}
	response.Diagnostics.Append(response.State.Set(ctx, &model)...)
}

func (f *fileResource) Read(ctx context.Context, request resource.ReadRequest, response *resource.ReadResponse) {
	var model fileModel
	response.Diagnostics.Append(request.State.Get(ctx, &model)...)
	found, err := f.reality.read(model.ID.ValueString())
	if err != nil {
		response.Diagnostics.AddError("File not read", err.Error())
		return
	}
	if found == nil {
		response.State.RemoveResource(ctx)
		return
	}
	model.Name = model.ID
	model.Content = orNull(found.Content, model.Content)
	model.Secret = orNull(found.Secret, model.Secret)
	model.Digest = digest(found.Content)
	if len(found.Tags) > 0 || !model.Tags.IsNull() {
		tags := map[string]string{}
		maps.Copy(tags, found.Tags)
		value, problems := types.MapValueFrom(ctx, types.StringType, tags)
		response.Diagnostics.Append(problems...)
		model.Tags = value
	}
	response.Diagnostics.Append(response.State.Set(ctx, &model)...)
}

func (f *fileResource) Delete(ctx context.Context, request resource.DeleteRequest, response *resource.DeleteResponse) {
	var model fileModel
	response.Diagnostics.Append(request.State.Get(ctx, &model)...)
	if err := f.reality.remove(model.ID.ValueString()); err != nil {
		response.Diagnostics.AddError("File not removed", err.Error())
	}
}

func (*fileResource) ImportState(ctx context.Context, request resource.ImportStateRequest, response *resource.ImportStateResponse) {
	resource.ImportStatePassthroughID(ctx, path.Root("id"), request, response)
}

// Writes the file, and puts what only the provider knows into the model.
func (f *fileResource) write(ctx context.Context, model *fileModel) error {
	what := thing{Content: model.Content.ValueString(), Secret: model.Secret.ValueString()}
	if !model.Tags.IsNull() {
		model.Tags.ElementsAs(ctx, &what.Tags, false)
	}
	model.ID = model.Name
	model.Digest = digest(what.Content)
	return f.reality.write(model.Name.ValueString(), what)
}

// An empty text in the file is what was null, if it was.
func orNull(found string, before types.String) types.String {
	if found == "" && before.IsNull() {
		return types.StringNull()
	}
	return types.StringValue(found)
}

func digest(content string) types.String {
	sum := sha256.Sum256([]byte(content))
	return types.StringValue(hex.EncodeToString(sum[:]))
}
