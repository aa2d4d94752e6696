// Starts Swagger UI on our own description; nothing is fetched from elsewhere.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#description",
  deepLinking: true,
  validatorUrl: null,
});
