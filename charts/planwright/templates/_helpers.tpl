{{- define "planwright.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "planwright.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "planwright.labels" -}}
{{ include "planwright.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "planwright.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "planwright.name" .) -}}
{{- end -}}

{{- define "planwright.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The variables of one role's engine, under names of the pod's own: both roles may be in one pod. */}}
{{- define "planwright.engineEnv" -}}
{{- $prefix := printf "%s_ENV_" (upper .role) -}}
{{- $names := list -}}
{{- range $name, $from := .env }}
{{- $names = append $names (printf "%s=%s%s" $name $prefix $name) }}
- name: {{ $prefix }}{{ $name }}
  {{- if hasKey $from "secret" }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.secret | quote }}
      key: {{ $from.key | quote }}
  {{- else }}
  value: {{ $from.value | quote }}
  {{- end }}
{{- end }}
{{- if $names }}
- name: PLANWRIGHT_{{ upper .role }}_ENV
  value: {{ join "," $names | quote }}
{{- end }}
{{- end -}}

{{/* A pod with some of the roles: dict "context" $ "roles" (list …). */}}
{{- define "planwright.pod" -}}
{{- $context := .context -}}
{{- $roles := .roles -}}
{{- $model := .context.Values.model -}}
{{- $reads := and $model.url $model.existingSecret (has "agent" $roles) -}}
{{- with $context -}}
metadata:
  labels:
    {{- include "planwright.selector" . | nindent 4 }}
    app.kubernetes.io/component: {{ join "-" $roles }}
    {{- if has "web" $roles }}
    planwright.dev/web: "true"
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "planwright.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: planwright
      image: {{ include "planwright.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/planwright/settings/settings.yaml]
      env:
        - name: PLANWRIGHT_ROLES
          value: {{ join "," $roles | quote }}
        - name: PLANWRIGHT_LISTEN
          value: 0.0.0.0:8080
        # Below the volume: the bot makes it, readable for itself alone.
        - name: PLANWRIGHT_DATA
          value: /var/lib/planwright/data
        {{- with .Values.otlp.endpoint }}
        - name: OTEL_EXPORTER_OTLP_ENDPOINT
          value: {{ . | quote }}
        {{- end }}
        {{- with .Values.metrics.port }}
        - name: PLANWRIGHT_METRICS_LISTEN
          value: 0.0.0.0:{{ . }}
        {{- end }}
        {{- range $name, $value := .Values.config }}
        {{- /* A number of a file is a float to Helm, which would write a large one with an exponent. */}}
        - name: PLANWRIGHT_{{ $name | upper | replace "-" "_" }}
          value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
        {{- end }}
        {{- if eq .Values.database.type "postgres" }}
        - name: PLANWRIGHT_DATABASE_URL
          valueFrom:
            secretKeyRef:
              name: {{ .Values.database.existingSecret | quote }}
              key: {{ .Values.database.key | quote }}
        - name: PLANWRIGHT_DIGEST_KEY_FILE
          value: /etc/planwright/digest-key/digest.key
        {{- end }}
        {{- with .Values.model.url }}
        - name: PLANWRIGHT_MODEL_URL
          value: {{ . | quote }}
        - name: PLANWRIGHT_MODEL
          value: {{ $context.Values.model.name | quote }}
        {{- end }}
        {{- if $reads }}
        - name: PLANWRIGHT_MODEL_KEY_FILE
          value: /etc/planwright/model-key/model.key
        {{- end }}
        {{- if has "plan" $roles }}
        {{- with include "planwright.engineEnv" (dict "role" "plan" "env" .Values.plan.env) | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- end }}
        {{- if has "apply" $roles }}
        {{- with include "planwright.engineEnv" (dict "role" "apply" "env" .Values.apply.env) | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- end }}
      {{- if or (has "web" $roles) .Values.metrics.port }}
      ports:
        {{- if has "web" $roles }}
        - name: http
          containerPort: 8080
        {{- end }}
        {{- with .Values.metrics.port }}
        - name: metrics
          containerPort: {{ . }}
        {{- end }}
      {{- end }}
      {{- if has "web" $roles }}
      startupProbe:
        httpGet: { path: /healthz, port: http }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
      readinessProbe:
        httpGet: { path: /readyz, port: http }
        periodSeconds: 5
        timeoutSeconds: 5
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: data
          mountPath: /var/lib/planwright
        - name: tmp
          mountPath: /tmp
        - name: settings
          mountPath: /etc/planwright/settings
          readOnly: true
        {{- if $reads }}
        - name: model-key
          mountPath: /etc/planwright/model-key
          readOnly: true
        {{- end }}
        {{- if eq .Values.database.type "postgres" }}
        - name: digest-key
          mountPath: /etc/planwright/digest-key
          readOnly: true
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {}
    - name: settings
      secret:
        secretName: {{ .Values.settings.existingSecret | quote }}
        defaultMode: 0440
        items:
          - { key: settings.yaml, path: settings.yaml }
    {{- if $reads }}
    - name: model-key
      secret:
        secretName: {{ $model.existingSecret | quote }}
        defaultMode: 0440
        items:
          - { key: {{ $model.key | quote }}, path: model.key }
    {{- end }}
    {{- if eq .Values.database.type "postgres" }}
    - name: data
      emptyDir: {}
    - name: digest-key
      secret:
        secretName: {{ .Values.digestKey.existingSecret | quote }}
        defaultMode: 0440
        items:
          - { key: {{ .Values.digestKey.key | quote }}, path: digest.key }
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}
